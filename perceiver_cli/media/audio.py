"""Sounds: windows of mono samples at the rate a model wants, decoding only what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.containers import (
    Extent,
    frames_from,
    measured_extent,
    open_container,
    sound_stream,
    stated_extent,
)
from perceiver_cli.media.failures import ForgivingStream, failing_as, hush_libraries
from perceiver_cli.media.limits import MAX_RATE
from perceiver_cli.media.types import Sound, SoundSpec, SoundWindow, Source
from perceiver_cli.media.windows import window_starts

if TYPE_CHECKING:
    from av.container import InputContainer

# What libsndfile reads well. MP3 is left to PyAV because libsndfile's decoder writes its own
# complaints to stderr.
SOUNDFILE_FORMATS = frozenset({"wav", "flac", "ogg", "aiff", "au", "caf", "w64"})

# Elementary streams state a length guessed from the bit rate: theirs is measured.
_UNRELIABLE_LENGTH = frozenset({"mp3", "aac", "amr"})

# Smaller jumps between a frame's timestamp and the end of the frame before are rounding.
_GAP_S = 0.1


def load_sound(source: Source, format: str, spec: SoundSpec) -> Sound:
    """Evenly spaced windows of a sound file, or of the sound in a container.

    Windows hold float32 mono samples (the mean over channels) at spec.rate. A file not longer
    than spec.window_s is one window of its own length. Samples that are not finite become 0.
    Raises InputError: "empty" without samples, "corrupt" if nothing can be decoded or no sample
    is finite, "unsupported" if there is no sound.
    """
    hush_libraries()
    if format not in SOUNDFILE_FORMATS:
        return _load_with_av(source, format, spec)
    try:
        return _load_with_soundfile(source, spec)
    except InputError as first:
        # PyAV gets further with cut-off files and rare codecs; if it does not, libsndfile's
        # verdict is the more precise one.
        try:
            return _load_with_av(source, format, spec)
        except InputError:
            raise first from None


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """float32 [S] at `rate` -> float32 [round(S * to / rate)] at `to` samples a second."""
    if rate == to or not len(samples):
        return np.ascontiguousarray(samples, dtype=np.float32)
    with failing_as("corrupt", f"a sound of {rate} samples a second cannot be turned to {to}"):
        return _resample_with_av(samples, rate, to)


def _resample_with_av(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    import av

    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples[None], dtype=np.float32), format="fltp", layout="mono"
    )
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to)
    parts = [
        part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))
    ]
    wanted = round(len(samples) * to / rate)
    result = np.zeros(wanted, np.float32)
    made = np.concatenate(parts)[:wanted] if parts else result
    result[: len(made)] = made
    return result


def decode_stretch(
    container: InputContainer, stream: Any, extent: Extent, start_s: float, length_s: float
) -> tuple[np.ndarray, int, int]:
    """Mono samples of the stretch [start_s, start_s + length_s) of the container's clock.

    Returns (float32 [S] at the stream's rate, rate, channels). Sample 0 lies at start_s; gaps are
    silent; S is shorter than the stretch if the sound ends before it. S is 0 if none of it could
    be decoded.
    """
    rate = channels = cursor = end = 0
    samples = np.zeros(0, np.float32)
    for time, frame in frames_from(container, stream, start_s, extent):
        if not rate:
            rate, channels = min(frame.sample_rate, MAX_RATE), frame.layout.nb_channels
            samples = np.zeros(round(length_s * rate), np.float32)
        place = round((time - start_s) * rate)
        if not end or abs(place - cursor) > _GAP_S * rate:
            cursor = place
        part = _mono(frame)
        skipped = max(0, -cursor)
        room = samples[max(0, cursor) : cursor + len(part)] if len(part) > skipped else samples[:0]
        room[:] = part[skipped : skipped + len(room)]
        cursor += len(part)
        if len(room):
            end = min(cursor, len(samples))
        if cursor >= len(samples):
            break
    return samples[:end], rate, channels


def _load_with_soundfile(source: Source, spec: SoundSpec) -> Sound:
    import soundfile

    with (
        source.open() as stream,
        failing_as("corrupt", "the sound data is cut off or damaged"),
        soundfile.SoundFile(ForgivingStream(stream)) as file,
    ):
        rate, channels, frames = file.samplerate, file.channels, file.frames
        if rate > MAX_RATE:
            raise InputError("corrupt", f"states {rate} samples a second")
        if frames == 0:
            raise InputError("empty", "the file holds no sound: 0 samples")
        windows = []
        for start in window_starts(frames / rate, spec.window_s, spec.max_windows):
            file.seek(round(start * rate))
            block = file.read(round(spec.window_s * rate), dtype="float32", always_2d=True)
            if len(block):
                # A product is several times as fast as a mean over the short axis.
                windows.append((start, block @ np.full(channels, 1 / channels, np.float32)))
    return _sound(windows, spec, frames / rate, rate, channels)


def _load_with_av(source: Source, format: str, spec: SoundSpec) -> Sound:
    with open_container(source, format) as container:
        extent = _sound_extent(container, format)
    if extent is None or extent.duration_s <= 0:
        raise InputError("empty", "the file holds no sound: 0 samples")
    windows = []
    rate = channels = 0
    starts = window_starts(extent.duration_s, spec.window_s, spec.max_windows)
    for start in starts:
        with open_container(source, format) as container:
            stream = sound_stream(container)
            samples, found_rate, found_channels = decode_stretch(
                container, stream, extent, extent.start_s + start, spec.window_s
            )
        if len(samples):
            rate, channels = found_rate, found_channels
            windows.append((start, samples))
    if not windows:
        raise InputError("corrupt", "none of the sound can be decoded")
    duration = extent.duration_s if len(starts) > 1 else len(windows[0][1]) / rate
    return _sound(windows, spec, duration, rate, channels)


def _sound_extent(container: InputContainer, format: str) -> Extent | None:
    stream = sound_stream(container)
    if stream is None:
        raise InputError("unsupported", "the file holds no sound that can be decoded")
    stated = None if format in _UNRELIABLE_LENGTH else stated_extent(container, stream)
    return stated or measured_extent(container, stream)


def _sound(
    windows: list[tuple[float, np.ndarray]],
    spec: SoundSpec,
    duration_s: float,
    rate: int,
    channels: int,
) -> Sound:
    if not windows:
        raise InputError("corrupt", "none of the sound can be decoded")
    if not any(np.isfinite(samples).any() for _, samples in windows):
        raise InputError("corrupt", "no sample of the sound is a finite number")
    ready = tuple(
        SoundWindow(
            resample(np.nan_to_num(samples, nan=0, posinf=0, neginf=0), rate, spec.rate), start
        )
        for start, samples in windows
    )
    return Sound(ready, spec.rate, duration_s, rate, channels)


def _mono(frame: Any) -> np.ndarray:
    """An AudioFrame of any sample format as float32 [S], the mean over its channels."""
    channels = frame.layout.nb_channels
    values = frame.to_ndarray()
    values = values if frame.format.is_planar else values.reshape(-1, channels).T
    if values.dtype.kind == "f":
        return values.astype(np.float32).mean(axis=0)
    half = float(2 ** (8 * values.dtype.itemsize - 1))
    centre = half if values.dtype.kind == "u" else 0.0
    return ((values.mean(axis=0, dtype=np.float64) - centre) / half).astype(np.float32)
