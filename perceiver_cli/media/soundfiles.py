"""Reading intervals of a sound file: with libsndfile, or with PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.media.containers import (
    Extent,
    frames_from,
    measured_extent,
    open_container,
    packets_of,
    sound_stream,
    stated_extent,
)
from perceiver_cli.media.failures import SafeSeekStream, wrap_errors
from perceiver_cli.media.limits import MAX_RATE, limit_text
from perceiver_cli.media.types import Source

if TYPE_CHECKING:
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]

# Elementary streams state a duration guessed from the bit rate, so it is measured.
_UNRELIABLE_LENGTH = frozenset({"mp3", "aac", "amr", "ac3", "eac3", "dts"})

# Smaller gaps between a frame's timestamp and the end of the previous frame are rounding.
_GAP_S = 0.1

# Index of the low-frequency channel, in formats with a conventional order of channels.
_BASS = {
    **{(format, count): 3 for format in ("wav", "w64", "flac") for count in (6, 7, 8)},
    **{("ogg", count): count - 1 for count in (6, 7, 8)},
}

# Length of the header of an ADTS frame, and the bits of the sample rate in its third byte.
_ADTS_HEADER, _ADTS_RATE = 7, 0x3C

_LONGEST = 2**50  # samples; libsndfile's word for "unknown" is more


class SoundReader(Protocol):
    """A sound file. rate: samples per second of each channel; bass: see to_mono."""

    rate: int
    channels: int
    duration_s: float
    bass: int | None

    def read(self, start_s: float, length_s: float) -> Samples:
        """An interval of the sound.

        Args:
            start_s: Its start in the file.
            length_s: Its length.

        Returns:
            [S, channels], shorter at the end of the file, empty after it.

        Raises:
            InputError: "corrupt" if it cannot be decoded.
        """


class SndfileReader:
    """Reads with libsndfile. Raises InputError: "corrupt", "empty" without samples."""

    def __init__(self, source: Source, format: str) -> None:
        self._source = source
        with self._open() as file:
            self.rate, self.channels, frames = file.samplerate, file.channels, file.frames
        check_rate(self.rate, self.channels)
        if frames == 0:
            raise InputError("empty", "the file holds no sound: 0 samples")
        if not 0 < frames < _LONGEST:
            raise InputError("corrupt", "the sound does not say how long it is")
        self.duration_s = frames / self.rate
        self.bass = _BASS.get((format, self.channels))

    def read(self, start_s: float, length_s: float) -> Samples:
        """An interval of the sound, float32 [S, channels]; see SoundReader."""
        with self._open() as file:
            file.seek(min(round(start_s * self.rate), file.frames))
            count = round(length_s * self.rate)
            samples: Samples = file.read(count, dtype="float32", always_2d=True)
            return samples

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import soundfile

        with (
            self._source.open() as stream,
            wrap_errors("corrupt", "the sound data is cut off or damaged"),
            soundfile.SoundFile(SafeSeekStream(stream)) as file,
        ):
            yield file


class AvReader:
    """Reads with PyAV. Raises InputError as sound_extent does, and "corrupt"."""

    def __init__(self, source: Source, format: str) -> None:
        self._source, self._format = source, format
        self._extent = _extent(source, format)
        if self._extent.duration_s <= 0:
            raise InputError("empty", "the file holds no sound: 0 samples")
        self.duration_s = self._extent.duration_s
        # Known after the first decoded frame.
        self.rate = self.channels = 0
        self.bass: int | None = None

    def read(self, start_s: float, length_s: float) -> Samples:
        """An interval of the sound, float32 [S, channels]; see SoundReader."""
        with open_container(self._source, self._format) as container:
            stretch = decode_samples(
                container,
                sound_stream(container),
                self._extent,
                self._extent.start_s + start_s,
                length_s,
            )
        if len(stretch.samples):
            self.rate, self.bass = stretch.rate, stretch.bass
            self.channels = stretch.samples.shape[1]
        return stretch.samples


def _extent(source: Source, format: str) -> Extent:
    """The extent of the sound of a file; cached, because a long file is opened many times.

    Raises:
        InputError: As sound_extent.
    """
    if source.data is not None or not os.path.isfile(source.path):
        return _found_extent(source, format, None)
    status = os.stat(source.path)
    stamp = (status.st_size, status.st_mtime_ns)
    return _remembered_extent(replace(source, stretch=None), format, stamp)


def _found_extent(source: Source, format: str, stamp: tuple[int, int] | None) -> Extent:
    """As _extent; stamp: changes with the file."""
    with open_container(source, format) as container:
        extent = sound_extent(container, format)
    if extent.timed and not (format == "aac" and _rate_changes(source, format)):
        return extent
    # A stream without timestamps, or with wrong ones: its samples are counted.
    extent = replace(extent, timed=False)
    with open_container(source, format) as container:
        frames = frames_from(container, sound_stream(container), 0.0, extent)
        length = sum(frame.samples / (frame.sample_rate or 1) for _, frame in frames)
    return Extent(0.0, length, length, timed=False)


def _rate_changes(source: Source, format: str) -> bool:
    """Whether frames of ADTS state several rates, of which FFmpeg times all by the first."""
    with open_container(source, format) as container:
        packets = packets_of(container, sound_stream(container))
        stated = {bytes(packet)[2] & _ADTS_RATE for packet in packets if packet.size > _ADTS_HEADER}
    return len(stated) > 1


_remembered_extent = lru_cache(maxsize=8)(_found_extent)


class SampleBuffer:
    """Samples of an interval, collected as they are decoded.

    samples: float32 [S, C] at `rate`, up to the last one decoded; bass: see to_mono.
    """

    def __init__(self, length_s: float) -> None:
        self.rate = 0
        self.bass: int | None = None
        self._length_s = length_s
        self._buffer: Samples = np.zeros((0, 1), np.float32)
        self._cursor = self._end = 0
        self._resampler: Any = None
        self._resampled: tuple[Any, ...] = ()

    @property
    def samples(self) -> Samples:
        """float32 [S, C]."""
        return self._buffer[: self._end]

    def add(self, frame: Any, offset_s: float) -> bool:
        """Adds an AudioFrame that starts at offset_s in the interval; False when it is full."""
        changed = self.rate not in (0, frame.sample_rate)
        part = self._at_first_rate(frame) if changed else _samples(frame)
        if not self.rate:
            self.rate, channels = frame.sample_rate, part.shape[1]
            check_rate(self.rate, channels)
            names = [channel.name for channel in frame.layout.channels]
            self.bass = names.index("LFE") if "LFE" in names else None
            self._buffer = np.zeros((round(self._length_s * self.rate), channels), np.float32)
        start = round(offset_s * self.rate)
        if not self._end or abs(start - self._cursor) > _GAP_S * self.rate:
            self._cursor = start
        if part.shape[1] != self._buffer.shape[1]:  # some streams change midway
            part = part.mean(axis=1, keepdims=True)
        skipped = max(0, -self._cursor)
        begin, end = max(0, self._cursor), max(0, self._cursor + len(part))
        room = self._buffer[begin:end]
        room[:] = part[skipped : skipped + len(room)]
        self._cursor += len(part)
        if len(room):
            self._end = min(self._cursor, len(self._buffer))
        return self._cursor < len(self._buffer)

    def _at_first_rate(self, frame: Any) -> Samples:
        """The samples of a frame of another rate than the first frame's: float32 [S, C]."""
        import av

        kind = frame.sample_rate, frame.format.name, frame.layout.name
        with wrap_errors("corrupt", "its sample rate changes to an impossible one"):
            if kind != self._resampled:
                self._resampler = av.AudioResampler(frame.format, frame.layout, self.rate)
                self._resampled = kind
            parts = [_samples(part) for part in self._resampler.resample(frame)]
        channels = frame.layout.nb_channels
        return np.concatenate([np.zeros((0, channels), np.float32), *parts])


def check_rate(rate: int, channels: int) -> None:
    """Refuses more than MAX_RATE samples per second, of one channel or of all.

    Raises:
        InputError: "corrupt" for an impossible rate, "too_large" for too many channels.
    """
    if not 0 < rate <= MAX_RATE:
        raise InputError("corrupt", f"states {rate:,} samples a second")
    if rate * channels > MAX_RATE:
        raise InputError(
            "too_large", f"{rate:,} x {channels} samples a second: {limit_text('MAX_RATE')}"
        )


def sound_extent(container: InputContainer, format: str) -> Extent:
    """The extent of the sound of a container.

    Raises:
        InputError: "unsupported" without sound that can be decoded, "corrupt" for an
            impossible rate, "empty" without any packet.
    """
    stream = sound_stream(container)
    if stream is None:
        if any(each.codec_context is not None for each in container.streams.audio):
            raise InputError("corrupt", "the sound states an impossible rate")
        raise InputError("unsupported", "the file holds no sound that can be decoded")
    stated = None if format in _UNRELIABLE_LENGTH else stated_extent(container, stream)
    extent = stated or measured_extent(container, stream)
    if extent is None:
        raise InputError("empty", "the file holds no sound: 0 samples")
    return extent


def decode_samples(
    container: InputContainer, stream: Any, extent: Extent, start_s: float, length_s: float
) -> SampleBuffer:
    """Decodes the interval [start_s, start_s + length_s) of the container's clock.

    Args:
        container: The container, at its beginning.
        stream: Its stream of sound.
        extent: The extent of that stream.
        start_s: The time of sample 0 of the result.
        length_s: Length of the result; gaps are silent.

    Returns:
        The decoded samples, fewer if the sound ends earlier.
    """
    stretch = SampleBuffer(length_s)
    for time, frame in frames_from(container, stream, start_s, extent):
        if not stretch.add(frame, time - start_s):
            break
    return stretch


def _samples(frame: Any) -> Samples:
    """An AudioFrame of any sample format as float32 [S, C], nominally in [-1, 1]."""
    values = frame.to_ndarray()
    channels = frame.layout.nb_channels
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "f":
        fractions: Samples = values.astype(np.float32)
        return fractions
    half = float(2 ** (8 * values.dtype.itemsize - 1))
    centre = half if values.dtype.kind == "u" else 0.0
    scaled: Samples = ((values.astype(np.float64) - centre) / half).astype(np.float32)
    return scaled
