"""Reading intervals of a sound file: with libsndfile, or with PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from perceiver_cli.array_types import Float32Array
from perceiver_cli.errors import InputError
from perceiver_cli.media.containers import check_rates, open_container, sound_stream
from perceiver_cli.media.decoding import frames_from
from perceiver_cli.media.extents import Extent, measured_extent, stated_extent
from perceiver_cli.media.library_errors import SafeSeekStream, wrap_errors
from perceiver_cli.media.mixing import clip_overshoot
from perceiver_cli.media.packets import Damage, packets_of
from perceiver_cli.media.samplebuffer import check_rate, decode_samples
from perceiver_cli.media.source import Source

if TYPE_CHECKING:
    from av.container import InputContainer

# Elementary streams state a duration guessed from the bit rate, so it is measured.
_UNRELIABLE_LENGTH = frozenset({"mp3", "aac", "amr", "ac3", "eac3", "dts"})

# Index of the low-frequency channel, in formats with a conventional order of channels.
_BASS = {
    **{(format, count): 3 for format in ("wav", "w64", "flac") for count in (6, 7, 8)},
    **{("ogg", count): count - 1 for count in (6, 7, 8)},
}

# Length of the header of an ADTS frame, and the bits of the sample rate in its third byte.
_ADTS_HEADER, _ADTS_RATE = 7, 0x3C

# Samples decoded at a time in front of an interval.
_SKIPPED = 2**18

# libsndfile's names for floating-point numbers stored as they are.
_ANY_SCALE = frozenset({"FLOAT", "DOUBLE"})

_MAX_SAMPLES = 2**50  # samples; libsndfile's word for "unknown" is more


class SoundReader(Protocol):
    """A sound file. rate: samples per second of each channel; bass: see to_mono.

    damaged: whether some of the parts read until now could not be decoded.
    """

    rate: int
    channels: int
    duration_s: float
    bass: int | None

    @property
    def damaged(self) -> bool:
        """See SoundReader."""

    def read(self, start_s: float, length_s: float) -> Float32Array:
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

    damaged = False  # overshoots apart, any damage is an error

    def __init__(self, source: Source, format: str) -> None:
        self._source = source
        with self._open() as file:
            self.rate, self.channels, frames = file.samplerate, file.channels, file.frames
        check_rate(self.rate, self.channels)
        if frames == 0:
            raise InputError("empty", "the file contains no sound (0 samples)")
        if not 0 < frames < _MAX_SAMPLES:
            raise InputError("corrupt", "the sound does not state its length")
        self.duration_s = frames / self.rate
        self.bass = _BASS.get((format, self.channels))

    def read(self, start_s: float, length_s: float) -> Float32Array:
        """An interval of the sound, float32 [S, channels]; see SoundReader."""
        with self._open() as file:
            begin = min(round(start_s * self.rate), file.frames)
            if file.seekable():
                file.seek(begin)
            else:  # of some codecs for speech
                while begin > 0:
                    begin -= len(file.read(min(begin, _SKIPPED))) or begin
            count = round(length_s * self.rate)
            samples: Float32Array = file.read(count, dtype="float32", always_2d=True)
            if file.subtype not in _ANY_SCALE:
                self.damaged |= clip_overshoot(samples)
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
    """Reads with PyAV. Raises InputError as sound_extent does, and "corrupt".

    Args:
        source: The file.
        format: detect's name for its format.
        cut_off: Whether the file lacks its end, so that it is shorter than its header states.
    """

    def __init__(self, source: Source, format: str, *, cut_off: bool = False) -> None:
        self._source, self._format = source, format
        self._extent = _extent(source, format, cut_off)
        if self._extent.duration_s <= 0:
            raise InputError("empty", "the file contains no sound (0 samples)")
        self.duration_s = self._extent.duration_s
        # Known after the first decoded frame.
        self.rate = self.channels = 0
        self.bass: int | None = None
        self._damage = Damage()

    @property
    def damaged(self) -> bool:
        """Whether packets between others could not be decoded.

        Between bare frames there may be other data, such as tags or junk of a transmission.
        """
        return self._damage.found and self._format not in _UNRELIABLE_LENGTH

    def read(self, start_s: float, length_s: float) -> Float32Array:
        """An interval of the sound, float32 [S, channels]; see SoundReader."""
        with open_container(self._source, self._format) as container:
            buffer = decode_samples(
                container,
                sound_stream(container),
                self._extent,
                self._extent.start_s + start_s,
                length_s,
                self._damage,
            )
        if len(buffer.samples):
            self.rate, self.bass = buffer.rate, buffer.bass
            self.channels = buffer.samples.shape[1]
        return buffer.samples


class _Version(NamedTuple):
    """A version of a file."""

    source: Source
    format: str
    cut_off: bool
    size: int
    modified_ns: int


def _extent(source: Source, format: str, cut_off: bool) -> Extent:
    """The extent of the sound of a file; cached, because a long file is opened many times.

    Raises:
        InputError: As sound_extent.
    """
    if source.data is not None or not os.path.isfile(source.path):
        return _find_extent(source, format, cut_off)
    status = os.stat(source.path)
    whole = replace(source, part=None)
    return _extent_of_version(_Version(whole, format, cut_off, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=8)
def _extent_of_version(version: _Version) -> Extent:
    return _find_extent(version.source, version.format, version.cut_off)


def _find_extent(source: Source, format: str, cut_off: bool) -> Extent:
    """As _extent, without a cache."""
    with open_container(source, format) as container:
        extent = sound_extent(container, format, cut_off)
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


def sound_extent(container: InputContainer, format: str, cut_off: bool) -> Extent:
    """The extent of the sound of a container, measured where its header cannot be relied on.

    Raises:
        InputError: "unsupported" without sound that can be decoded, "corrupt" for an
            impossible rate, "too_large" beyond MAX_RATE, "empty" without any packet.
    """
    stream = sound_stream(container)
    if stream is None:
        check_rates(container)
        if any(each.codec_context is not None for each in container.streams.audio):
            raise InputError("corrupt", "the sound states an impossible rate")
        raise InputError("unsupported", "the file contains no sound that can be decoded")
    measured = cut_off or format in _UNRELIABLE_LENGTH
    stated = None if measured else stated_extent(container, stream)
    extent = stated or measured_extent(container, stream)
    if extent is None:
        raise InputError("empty", "the file contains no sound (0 samples)")
    return extent
