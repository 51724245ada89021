"""Samples of an interval of a container's sound, at one rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.array_types import Float32Array
from perceiver_cli.errors import InputError
from perceiver_cli.media.decoding import frames_from
from perceiver_cli.media.extents import Extent
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.limits import MAX_POSSIBLE_RATE, MAX_RATE, rate_text
from perceiver_cli.media.mixing import clip_overshoot
from perceiver_cli.media.packets import Damage

if TYPE_CHECKING:
    from av.container import InputContainer


# Minimum gap between a frame's timestamp and the end of the previous one, beyond rounding.
_GAP_S = 0.1

# The beginnings of the names of codecs that store floating-point numbers as they are.
_ANY_SCALE = ("pcm_f", "wavpack")


class SampleBuffer:
    """Samples of an interval, collected as they are decoded.

    samples: float32 [S, C] at `rate`, up to the last one decoded; bass: see to_mono.
    """

    def __init__(self, length_s: float) -> None:
        self.rate = 0
        self.bass: int | None = None
        self._length_s = length_s
        self._buffer: Float32Array = np.zeros((0, 1), np.float32)
        self._cursor = self._end = 0
        self._resampler: Any = None
        self._resampled: tuple[Any, ...] = ()

    @property
    def samples(self) -> Float32Array:
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

    def _at_first_rate(self, frame: Any) -> Float32Array:
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
        InputError: "corrupt" for an impossible rate, "too_large" beyond MAX_RATE.
    """
    if not 0 < rate <= max(MAX_RATE, MAX_POSSIBLE_RATE):
        raise InputError("corrupt", f"states {rate:,} samples a second")
    if rate * channels > MAX_RATE:
        raise InputError("too_large", rate_text(rate, channels))


def decode_samples(
    container: InputContainer,
    stream: Any,
    extent: Extent,
    start_s: float,
    length_s: float,
    damage: Damage | None = None,
) -> SampleBuffer:
    """Decodes the interval [start_s, start_s + length_s) of the container's clock.

    Args:
        container: The container, at its beginning.
        stream: Its stream of sound.
        extent: The extent of that stream.
        start_s: The time of sample 0 of the result.
        length_s: Length of the result; gaps are silent.
        damage: Counts what cannot be decoded.

    Returns:
        The decoded samples, fewer if the sound ends earlier.
    """
    buffer = SampleBuffer(length_s)
    for time, frame in frames_from(container, stream, start_s, extent, damage):
        if not buffer.add(frame, time - start_s):
            break
    any_scale = stream.codec_context.name.startswith(_ANY_SCALE)
    if not any_scale and clip_overshoot(buffer.samples) and damage:
        damage.found = True
    return buffer


def _samples(frame: Any) -> Float32Array:
    """An AudioFrame of any sample format as float32 [S, C], nominally in [-1, 1]."""
    values = frame.to_ndarray()
    channels = frame.layout.nb_channels
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "f":
        fractions: Float32Array = values.astype(np.float32)
        return fractions
    half = float(2 ** (8 * values.dtype.itemsize - 1))
    centre = half if values.dtype.kind == "u" else 0.0
    scaled: Float32Array = ((values.astype(np.float64) - centre) / half).astype(np.float32)
    return scaled
