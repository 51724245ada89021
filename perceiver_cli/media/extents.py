"""The time span of a container's streams: as stated, or measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perceiver_cli.media.packets import packets_of

if TYPE_CHECKING:
    from av.container import InputContainer

# Demuxers that guess a stream's duration from a few packets; the file's duration is better.
_STREAM_LENGTH_GUESSED = frozenset({"mpeg", "mpegts"})

# Demuxers that give the time of the end as the duration, and how late a stream may start.
_LENGTH_FROM_ZERO = frozenset({"matroska", "asf"})
_LATE_S = 1.0
# Codecs of raw streams of which FFmpeg gives the ticks of the clock as the mean frame rate.
_RATE_OF_CLOCK = frozenset({"dvvideo"})

# Maximum length; longer ones result from damaged or missing timestamps.
_MAX_LENGTH_S = 30 * 86_400.0

# Plausible range of frames per second.
_SLOWEST, _USUAL, _FASTEST = 1e-4, 25, 1e5


@dataclass(frozen=True)
class Extent:
    """The time span of a stream on the container's clock, in seconds.

    start_s: the time of its first frame; last_s: of its last frame; end_s: the end of that frame.
    timed: False if the stream has no timestamps (frames are then counted).
    """

    start_s: float
    last_s: float
    end_s: float
    timed: bool = True

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def frame_rate(stream: Any) -> float | None:
    """Mean frames per second; None if the file does not state it, or states an absurd one."""
    rate = _stated_rate(stream)
    return float(rate) if _is_plausible(rate) else None


def frame_length(stream: Any) -> float:
    """Mean duration in seconds of a frame of pictures (1/25 without a frame rate)."""
    rate = _stated_rate(stream)
    return float(1 / rate) if _is_plausible(rate) else 1 / _USUAL


def _stated_rate(stream: Any) -> Any:
    """A fraction; 0 without one."""
    if stream.type == "video" and stream.codec_context.name in _RATE_OF_CLOCK:
        return stream.guessed_rate or 0
    return stream.average_rate or stream.guessed_rate or 0


def _is_plausible(rate: Any) -> bool:
    return bool(_SLOWEST <= rate <= _FASTEST)


def _has_absurd_rate(stream: Any) -> bool:
    rate = _stated_rate(stream) if stream.type == "video" else 0
    return bool(rate) and not _is_plausible(rate)


def start_of(stream: Any) -> float:
    """The start of a stream on the container's clock, in seconds."""
    return float(stream.start_time * stream.time_base) if stream.start_time else 0.0


def states_length(container: InputContainer, stream: Any) -> bool:
    """Whether the header states the duration of the stream itself, not only of the whole file."""
    return bool(stream.duration) and container.format.name not in _STREAM_LENGTH_GUESSED


def stated_extent(container: InputContainer, stream: Any) -> Extent | None:
    """The extent stated in the header; None without a plausible one."""
    start = start_of(stream)
    if start > _LATE_S and container.format.name in _LENGTH_FROM_ZERO:
        return None
    if states_length(container, stream):
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / 1e6
    else:
        return None
    if duration > _MAX_LENGTH_S or _has_absurd_rate(stream):
        return None
    length = frame_length(stream) if stream.type == "video" else 0.0
    return Extent(start, start + max(0.0, duration - length), start + duration)


def extended_to(pictures: Extent, sound: Extent) -> Extent:
    """The extent of the video if the last frame stays on screen until the sound ends."""
    longer = sound.end_s - pictures.end_s
    is_known = pictures.timed and sound.timed and sound.end_s - pictures.start_s <= _MAX_LENGTH_S
    if longer <= 0 or not is_known:
        return pictures
    return replace(pictures, last_s=pictures.last_s + longer, end_s=sound.end_s)


def measured_extent(container: InputContainer, stream: Any) -> Extent | None:
    """The extent found by reading all packets without decoding them; None if there are none.

    Timestamps that span months or give an absurd frame rate are ignored; frames are then counted.
    """
    length = frame_length(stream) if stream.type == "video" else 0.0
    first, last, end = math.inf, -math.inf, -math.inf
    count = 0
    for packet in packets_of(container, stream):
        if not packet.size:
            continue
        count += 1
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            continue
        tick = packet.time_base
        time = stamp * tick.numerator / tick.denominator
        lasts = packet.duration * tick.numerator / tick.denominator or length
        first, last, end = min(first, time), max(last, time), max(end, time + lasts)
    if not count:
        return None
    if first > last or end - first > _MAX_LENGTH_S or _has_absurd_rate(stream):
        return Extent(0.0, (count - 1) * length, count * length, timed=False)
    return Extent(first, last, end)
