"""Decoding a container's frames in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from perceiver_cli.media.extents import Extent, frame_length
from perceiver_cli.media.packets import Damage, ignore_damage, packets_of

if TYPE_CHECKING:
    from av.container import InputContainer


def frames_from(
    container: InputContainer,
    stream: Any,
    start_s: float,
    extent: Extent,
    damage: Damage | None = None,
) -> Iterator[tuple[float, Any]]:
    """Decoded frames with their times on the container's clock, from start_s or somewhat before.

    Frames without a timestamp follow the one before at the average rate. Damaged packets are
    left out, of which `damage` is told; the iteration ends where nothing more can be read.
    """
    damage = damage or Damage()
    damage.begin()
    if stream.codec_context.name == "flac":
        # Its damaged blocks would be noise.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    if extent.timed and start_s > extent.start_s:
        with ignore_damage():
            container.seek(int(start_s / stream.time_base), stream=stream)
    clock = extent.start_s
    for packet in packets_of(container, stream, damage):
        frames: list[Any] = []
        with ignore_damage(damage):
            frames = packet.decode()
        for frame in frames:
            if frame.is_corrupt:
                damage.failed()
            else:
                damage.decoded()
            time = clock if frame.time is None or not extent.timed else frame.time
            yield time, frame
            clock = time + (
                frame_length(stream)
                if stream.type == "video"
                else frame.samples / (frame.sample_rate or 1)
            )
