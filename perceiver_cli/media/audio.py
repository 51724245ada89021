"""Sounds: windows of mono samples at a model's rate, decoding only those windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perceiver_cli.array_types import Float32Array
from perceiver_cli.errors import InputError
from perceiver_cli.media.codecs import undecodable
from perceiver_cli.media.containers import has_pictures, open_container, picture_stream
from perceiver_cli.media.cut_off import cut_off_note, duration_note, wave_cut_off_note
from perceiver_cli.media.id3 import without_id3
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.matroska import streams_that_end_early
from perceiver_cli.media.mixing import full_scale, scale_note, to_mono
from perceiver_cli.media.mpeg_clock import joined_note
from perceiver_cli.media.ogg import chain_links
from perceiver_cli.media.riff import wave_layout, with_padding
from perceiver_cli.media.sound_readers import AvReader, SndfileReader, SoundReader
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec
from perceiver_cli.media.types import Sound, SoundWindow
from perceiver_cli.media.windows import choose_windows

# Block length in seconds for decoding a sound that is read whole.
_BLOCK_S = 5.0

# Formats for libsndfile. PyAV reads MP3, because libsndfile's decoder prints messages to stderr.
SNDFILE_FORMATS = frozenset({"wav", "flac", "ogg", "aiff", "au", "caf", "w64"})

# Formats without moving pictures. Those of other containers may have an unsupported codec.
_SOUND_ALONE = SNDFILE_FORMATS | {"mp3", "aac", "amr"}

# Bare frames, between and before which there may be tags.
_FRAMES = frozenset({"mp3", "aac", "ac3", "eac3"})


def load_sound(source: Source, format: str, spec: SoundSpec) -> Sound:
    """Evenly spaced windows of a sound file, or of the sound in a container.

    Samples that are not finite become 0; see to_mono for the mix of channels.

    Args:
        source: The file.
        format: detect's name for its format.
        spec: The windows to load. A file not longer than spec.window_s gives one window of its own
            length.

    Returns:
        Windows of float32 mono samples at spec.rate.

    Raises:
        InputError: "empty" without samples, "corrupt" if nothing can be decoded or no sample is
            finite, "unsupported" if there is no sound that can be decoded, "too_large" beyond
            MAX_RATE.
    """
    if format not in _FRAMES:
        source = without_id3(source)  # decoders subtract a tag from the end, or fail
    if format == "wav":
        layout = wave_layout(source)
        notes = wave_cut_off_note(source, layout)
        source = with_padding(source, layout)
    else:
        notes = cut_off_note(source, format, "sound")
    links = chain_links(source) if format == "ogg" else [source]
    readers: list[SoundReader]
    if format not in SNDFILE_FORMATS:
        lost = not notes and "audio" in streams_that_end_early(source, format)
        readers = [AvReader(link, format, cut_off=bool(notes) or lost) for link in links]
        hidden, tracks = _other_streams(source, format)
        hidden += joined_note(source, format, "sound")
        return replace(_load(readers, spec, notes + hidden, lost), sound_tracks=tracks)
    readers = []
    try:
        readers += [SndfileReader(link, format) for link in links]
        return _load(readers, spec, notes)
    except InputError as first:
        # PyAV reads more of truncated files and rare codecs. If it fails, libsndfile's error is
        # more precise, except for codecs that neither supports.
        try:
            # FLAC has checksums: libsndfile reads it to the first damaged block.
            damaged = format == "flac" and bool(readers)
            cut_off = duration_note(source, format) if damaged else ()
            replacing = [AvReader(link, format, cut_off=bool(cut_off)) for link in links]
            return _load(replacing, spec, notes + cut_off, damaged and not cut_off)
        except InputError as second:
            if second.kind == "unsupported" and first.kind == "corrupt":
                raise
            raise first from None


def resample(samples: Float32Array, rate: int, to: int) -> Float32Array:
    """Changes the rate of a sound.

    Args:
        samples: [S] at `rate` samples per second.
        rate: Samples per second.
        to: Samples per second.

    Returns:
        [round(S * to / rate)], at least one sample, aligned with the original.

    Raises:
        InputError: "corrupt" for impossible rates.
    """
    if rate == to or not len(samples):
        return np.ascontiguousarray(samples, dtype=np.float32)
    with wrap_errors("corrupt", f"a sound of {rate} samples a second cannot be resampled to {to}"):
        return _resample_with_av(samples, rate, to)


def finite(samples: Float32Array) -> Float32Array:
    """The samples with NaN and infinities replaced by 0."""
    return np.nan_to_num(samples, nan=0, posinf=0, neginf=0)


def _resample_with_av(samples: Float32Array, rate: int, to: int) -> Float32Array:
    import av

    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples[None], dtype=np.float32), format="fltp", layout="mono"
    )
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to)
    parts = [
        part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))
    ]
    wanted = max(1, round(len(samples) * to / rate))
    result = np.zeros(wanted, np.float32)
    made = np.concatenate(parts)[:wanted] if parts else result
    result[: len(made)] = made
    return result


def _load(
    readers: Sequence[SoundReader],
    spec: SoundSpec,
    notes: tuple[str, ...],
    damaged: bool = False,
) -> Sound:
    """The windows of the readers' concatenated sounds. damaged: whether damage is known."""
    duration = sum(reader.duration_s for reader in readers)
    chosen = choose_windows(duration, spec.window_s, spec.max_windows, spec.coverage)
    read = _read_whole if chosen.read_whole else _read_apart
    heard = _Heard()
    windows = read(readers, chosen.starts, spec, heard)
    if not windows:
        raise InputError("corrupt", "none of the sound can be decoded")
    if heard.peak is None:
        raise InputError("corrupt", "the sound has no finite samples")
    scale = full_scale(heard.peak)
    notes += scale_note(heard.peak)
    if heard.gaps:
        notes += ("samples that are not finite are read as silence",)
    if len(windows) < len(chosen.starts):
        missing = f"{len(chosen.starts) - len(windows)} of {len(chosen.starts)} windows"
        notes += (f"the sound is cut off or damaged: {missing} cannot be decoded",)
    elif damaged or any(reader.damaged for reader in readers):
        notes += ("parts of the sound are damaged",)
    if chosen.total == 1:
        duration = len(windows[0].samples) / spec.rate
    if scale != 1:
        windows = [
            replace(window, samples=window.samples / np.float32(scale)) for window in windows
        ]
    first = readers[0]
    return Sound(
        tuple(windows),
        spec.rate,
        duration,
        first.rate,
        first.channels,
        notes,
        chosen.total,
        chosen.read_whole,
    )


@dataclass
class _Heard:
    """Facts about the decoded sound.

    peak: the largest finite magnitude in the file, None without one; gaps: whether there were
    samples that are not finite.
    """

    peak: float | None = None
    gaps: bool = False

    def add(self, samples: Float32Array) -> None:
        """Samples as the file has them, [S, channels]."""
        usable = np.isfinite(samples)
        self.gaps |= not usable.all()
        if usable.any():
            peak = float(np.abs(samples).max(where=usable, initial=0))
            self.peak = max(peak, self.peak or 0.0)


def _read_apart(
    readers: Sequence[SoundReader], starts: list[float], spec: SoundSpec, heard: _Heard
) -> list[SoundWindow]:
    """Decodes each window separately, and updates the facts about the sound."""
    windows = []
    for index, start in enumerate(starts, spec.coverage.first):
        pieces = list(_pieces(readers, start, spec.window_s, heard))
        if pieces:
            own = [resample(samples, rate, spec.rate) for samples, rate in pieces]
            windows.append(SoundWindow(np.concatenate(own), start, index))
    return windows


def _read_whole(
    readers: Sequence[SoundReader], starts: list[float], spec: SoundSpec, heard: _Heard
) -> list[SoundWindow]:
    """As _read_apart, for overlapping windows: decodes each second only once, block by block."""
    if not starts:
        return []
    end = starts[-1] + spec.window_s
    runs: list[tuple[int, list[Float32Array]]] = []  # rate, consecutive samples
    for block in np.arange(starts[0], end, _BLOCK_S):
        length = min(_BLOCK_S, end - block)
        for samples, rate in _pieces(readers, float(block), length, heard):
            if not runs or runs[-1][0] != rate:
                runs.append((rate, []))
            runs[-1][1].append(samples)
        if block + length < end:
            # In a damaged file, missing samples of a block are silence.
            runs = runs or [(spec.rate, [])]
            rate, last = runs[-1]
            read_s = sum(sum(map(len, run)) / at for at, run in runs)
            missing = round((block + length - starts[0] - read_s) * rate)
            last.append(np.zeros(max(0, missing), np.float32))
    # Resampled as a whole: every seam would be heard.
    resampled = [resample(np.concatenate(run), rate, spec.rate) for rate, run in runs]
    samples = np.concatenate(resampled) if resampled else np.zeros(0, np.float32)
    windows = []
    for index, start in enumerate(starts, spec.coverage.first):
        first = round((start - starts[0]) * spec.rate)
        own = samples[first : first + round(spec.window_s * spec.rate)]
        if len(own):
            windows.append(SoundWindow(own, start, index))
    return windows


def _pieces(
    readers: Sequence[SoundReader], start_s: float, length_s: float, heard: _Heard
) -> Iterator[tuple[Float32Array, int]]:
    """Yields the non-empty pieces of an interval in order, one per overlapping reader.

    A piece is mono, and has its reader's rate beside it.
    """
    end_s = start_s + length_s
    begins = 0.0
    for reader in readers:
        ends = begins + reader.duration_s
        # The stated length of a single sound may be too short.
        within = begins < end_s and (start_s < ends or len(readers) == 1)
        if within:
            first = max(0.0, start_s - begins)
            length = end_s - begins - first
            samples = reader.read(
                first, min(length, ends - begins - first) if len(readers) > 1 else length
            )
            if len(samples):
                heard.add(samples)
                yield to_mono(finite(samples), reader.bass), reader.rate
        begins = ends


def _other_streams(source: Source, format: str) -> tuple[tuple[str, ...], int]:
    """A note if the container's pictures cannot be decoded, and the number of its sound tracks."""
    if format in _SOUND_ALONE:
        return (), 1
    with open_container(source, format) as container:
        hidden = picture_stream(container) is None and has_pictures(container)
        tracks = len(container.streams.audio)
    return (undecodable(source, format, "pictures"),) if hidden else (), tracks
