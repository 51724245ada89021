"""Decodes a container's frames in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perceiver_cli.media.extents import Extent, frame_length
from perceiver_cli.media.packets import Damage, ignore_damage, packets_of

if TYPE_CHECKING:
    from av.container import InputContainer

# Containers in which the timestamps of H.264 packets are in decoding order.
_OUT_OF_ORDER = frozenset({"avi", "mxf"})
# Maximum number of frames that a decoder may reorder.
_MAX_DELAYED = 16


def frames_from(
    container: InputContainer,
    stream: Any,
    start_s: float,
    extent: Extent,
    damage: Damage | None = None,
) -> Iterator[tuple[float, Any]]:
    """Yields decoded frames with their times on the container's clock, from start_s or earlier.

    A frame without a timestamp follows the previous one at the average rate. Damaged packets are
    left out, which `damage` counts; the iteration ends where nothing more can be read.
    """
    damage = damage or Damage()
    damage.begin()
    if stream.codec_context.name == "flac":
        # Damaged blocks of FLAC would be decoded as noise.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    if extent.timed and start_s > extent.start_s:
        with ignore_damage():
            container.seek(int(start_s / stream.time_base), stream=stream)
    clock = extent.start_s
    in_order = _OrderedStamps(container, stream)
    for packet in packets_of(container, stream, damage):
        in_order.add(packet)
        frames: list[Any] = []
        with ignore_damage(damage):
            frames = packet.decode()
        for frame in frames:
            if frame.is_corrupt:
                damage.failed()
            else:
                damage.decoded()
            stamp = in_order.of(frame)
            time = clock if stamp is None or not extent.timed else stamp
            yield time, frame
            clock = time + (
                frame_length(stream)
                if stream.type == "video"
                else frame.samples / (frame.sample_rate or 1)
            )


class _OrderedStamps:
    """Times of frames if the timestamps of packets are in decoding order.

    Decoders return frames in presentation order, so each frame gets the earliest remaining time.
    """

    def __init__(self, container: InputContainer, stream: Any) -> None:
        is_h264 = stream.codec_context.name == "h264"
        self._needed = is_h264 and container.format.name in _OUT_OF_ORDER
        self._tolerance_s = _MAX_DELAYED * frame_length(stream) if self._needed else 0.0
        self._left: list[float] = []

    def add(self, packet: Any) -> None:
        """A packet that is about to be decoded."""
        if self._needed and packet.pts is not None:
            heapq.heappush(self._left, float(packet.pts * packet.time_base))

    def of(self, frame: Any) -> float | None:
        """The time of the next frame in seconds; None without one."""
        own: float | None = frame.time
        if own is None or not self._left:
            return own
        # The times of packets without a frame remain.
        while self._left[0] < own - self._tolerance_s and len(self._left) > 1:
            heapq.heappop(self._left)
        return heapq.heappop(self._left)
