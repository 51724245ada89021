"""The frames of a video that are on screen at given times, upright and reduced."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import Float64Array
from perceiver_cli.media.containers import open_container, picture_stream
from perceiver_cli.media.decoding import frames_from
from perceiver_cli.media.extents import Extent
from perceiver_cli.media.frames import reduced_size
from perceiver_cli.media.hdr import is_high_range, to_standard_range
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.orientation import frame_orientation
from perceiver_cli.media.packets import Damage
from perceiver_cli.media.pixels import apply_orientation
from perceiver_cli.media.source import Source

# Containers round timestamps to as little as a millisecond. Frames that lie closer are told apart
# by a share of the interval between the requested times.
_ROUNDING_S, _ROUNDING_SHARE = 1e-3, 0.25

# Seconds by which a seek is repeated earlier if it lands after a time, or on frames that need
# earlier ones.
_SEEK_MARGINS_S = (0.0, 10.0, 60.0)

_LARGE, _THREADS_FOR_LARGE = 2**24, 2

# Maximum plausible pixel aspect ratio.
_MAX_ASPECT = 10.0


class ShownFrames(NamedTuple):
    """pixels: uint8 [T, h, w, 3] for each of the sides; times_s: float64 [T].

    size: the upright (width, height).
    """

    pixels: tuple[npt.NDArray[np.uint8], ...]
    times_s: Float64Array
    size: tuple[int, int]


@dataclass(frozen=True)
class FrameRequest:
    """The frames of a video to decode.

    Attributes:
        source: The file.
        format: detect's name for its format.
        extent: The extent of its pictures or sound.
        times_s: float64 [T], when the frames are on screen, in seconds from the extent's start.
        sides: The shorter sides that every frame is reduced to.
        damage: Counts what cannot be decoded.
    """

    source: Source
    format: str
    extent: Extent
    times_s: Float64Array
    sides: tuple[int, ...]
    damage: Damage


def decode_frames(request: FrameRequest) -> ShownFrames | None:
    """The frames on screen at the requested times, or None if none can be decoded."""
    found = None
    first = request.times_s[0]
    for margin in _SEEK_MARGINS_S:
        found = _decode_once(request, margin)
        if found and math.prod(found.size) > _LARGE:
            # PyAV's objects refer to each other, and would keep the decoder's frames for a while.
            gc.collect()
        if first <= margin or (found and found.times_s[0] <= first + _ROUNDING_S):
            break
    return found


def _decode_once(request: FrameRequest, margin: float) -> ShownFrames | None:
    """As decode_frames; decodes from `margin` seconds before the first of the times."""
    extent, wanted = request.extent, request.times_s
    with open_container(request.source, request.format) as container:
        stream = picture_stream(container)
        if stream is None:
            return None
        stream.thread_type = "AUTO"
        if stream.width * stream.height > _LARGE:
            # Every thread holds a frame.
            stream.codec_context.thread_count = _THREADS_FOR_LARGE
        begin = extent.start_s + wanted[0] - margin
        timed = frames_from(container, stream, begin, extent, request.damage)
        shown = _on_screen(((time - extent.start_s, frame) for time, frame in timed), wanted)
        return _reduced(shown, _pixel_aspect(stream), request.sides)


def _reduced(
    shown: Iterator[tuple[float, Any]], aspect: float, sides: tuple[int, ...]
) -> ShownFrames | None:
    """The frames in RGB, one at a time, because those of a large video take much memory."""
    pictures: list[list[npt.NDArray[np.uint8]]] = []
    times: list[float] = []
    size = (0, 0)
    last = None
    for time, frame in shown:
        if frame is not last:
            with wrap_errors("unsupported", "the pixels of its frames cannot be converted to RGB"):
                picture = [_upright_rgb(frame, aspect, side) for side in sides]
            if last is None:
                size = (round(frame.width * aspect), frame.height)
                size = size[::-1] if frame_orientation(frame) >= 5 else size
            last = frame
        pictures.append(picture)
        times.append(time)
    if not pictures:
        return None
    # The size may change midway: frames of another size than the first are replaced by the nearest
    # one of the same size.
    alike = [i for i, made in enumerate(pictures) if made[0].shape == pictures[0][0].shape]
    kept = [_nearest(alike, i) for i in range(len(pictures))]
    stacked = tuple(np.stack(of_side) for of_side in zip(*(pictures[i] for i in kept), strict=True))
    return ShownFrames(stacked, np.array([times[i] for i in kept]), size)


def _nearest(numbers: list[int], to: int) -> int:
    return min(numbers, key=lambda number: abs(number - to))


def _pixel_aspect(stream: Any) -> float:
    """The pixel aspect ratio, width over height."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT else 1.0


def _on_screen(
    timed: Iterable[tuple[float, Any]], wanted: Float64Array
) -> Iterator[tuple[float, Any]]:
    """For each requested time, in order, the (time, frame) on screen.

    The first frame stands in for times before it and the last for times after it.
    """
    given = 0
    current: tuple[float, Any] | None = None
    interval = (wanted[-1] - wanted[0]) / (len(wanted) - 1) if len(wanted) > 1 else math.inf
    rounding = min(_ROUNDING_S, _ROUNDING_SHARE * interval)
    for time, frame in timed:
        while current and given < len(wanted) and wanted[given] < time - rounding:
            yield current
            given += 1
        if given == len(wanted):
            return
        current = (time, frame)
    if current:
        for _ in range(len(wanted) - given):
            yield current


def _upright_rgb(frame: Any, aspect: float, short_side: int) -> npt.NDArray[np.uint8]:
    """uint8 [h, w, 3], reduced so that the shorter side is short_side."""
    width, height = reduced_size(round(frame.width * aspect), frame.height, short_side)
    high = is_high_range(frame)
    kind = "rgb48le" if high else "rgb24"
    pixels = frame.reformat(
        width=width, height=height, format=kind, interpolation="AREA"
    ).to_ndarray()
    if high:
        pixels = to_standard_range(pixels, frame.color_trc, frame.color_primaries)
    return apply_orientation(pixels, frame_orientation(frame))
