"""Videos: frames chosen by presentation time, with the sound of the same interval."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.media.animation import ANIMATION_FORMATS, load_animation
from perceiver_cli.media.audio import finite, resample
from perceiver_cli.media.codecs import undecodable
from perceiver_cli.media.containers import (
    has_sound,
    open_container,
    picture_stream,
    sound_stream,
)
from perceiver_cli.media.decoding import frames_from
from perceiver_cli.media.extents import (
    Extent,
    frame_length,
    frame_rate,
    measured_extent,
    start_of,
    stated_extent,
)
from perceiver_cli.media.failures import wrap_errors
from perceiver_cli.media.frames import frame_times, reduced_size
from perceiver_cli.media.hdr import is_high_range, to_standard_range
from perceiver_cli.media.large import take_memory
from perceiver_cli.media.limits import MAX_PIXELS
from perceiver_cli.media.mixing import to_mono
from perceiver_cli.media.orientation import frame_orientation
from perceiver_cli.media.pixels import apply_orientation, check_size
from perceiver_cli.media.samplebuffer import decode_samples
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.types import Source, Video, VideoWindow
from perceiver_cli.media.windows import choose_windows

# Containers round timestamps to as little as a millisecond. Frames that lie closer are told apart
# by a share of the interval between the requested times.
_ROUNDING_S, _ROUNDING_SHARE = 1e-3, 0.25

# If seeking lands after a time, or on frames that need earlier ones, it is repeated from this much
# earlier.
_SEEK_MARGINS_S = (0.0, 10.0, 60.0)

# Decoders keep reference frames: 44 bytes per pixel were measured for the maximum of H.264 (16
# frames of 1.5 bytes and those in progress), while a still picture takes 10. Other codecs permit 6
# to 8 reference frames at sizes near the limit.
_LIMIT_SHARE, _LIMIT_BYTES = 5, 39
_FRAMES_HELD_BY_H264, _FRAMES_HELD = 29, 12
_USUAL_BYTES = 1.5
_LARGE, _THREADS_FOR_LARGE = 2**24, 2

# Larger pixel aspect ratios are damage.
_WIDEST = 10.0


class _Frames(NamedTuple):
    """pixels: uint8 [T, h, w, 3] for each of the sides; times_s: float64 [T].

    size: the upright (width, height).
    """

    pixels: tuple[npt.NDArray[np.uint8], ...]
    times_s: npt.NDArray[np.float64]
    size: tuple[int, int]


def load_video(source: Source, format: str, spec: VideoSpec) -> Video:
    """Windows of a video or an animated picture; see VideoSpec for which and VideoWindow for what.

    A video longer than spec.window_s gives evenly spaced windows, reached by seeking; a shorter one
    gives one window from its first to its last frame. The frames of a window are those on screen
    at evenly spaced times, at any frame rate; if there are fewer frames, they repeat. Sound is mono
    at spec.sound_rate, exactly as long as the window, silent if the file has none.

    Args:
        source: The file.
        format: detect's name for its format.
        spec: Which windows and frames to load.

    Returns:
        The video.

    Raises:
        InputError: "unsupported" without moving pictures that can be decoded, "too_large" beyond
            a fifth of MAX_PIXELS or less, "corrupt" if no frame can be decoded.
    """
    if format in ANIMATION_FORMATS:
        return load_animation(source, format, spec)
    with open_container(source, format) as container:
        stream = picture_stream(container)
        if stream is None:
            raise InputError("unsupported", "the file holds no moving pictures that can be decoded")
        hidden_sound = sound_stream(container) is None and has_sound(container)
        check_size(stream.width, stream.height, _most_pixels(stream))
        take_memory(int(stream.width * stream.height * _bytes_a_pixel(stream)))
        length = frame_length(stream)
        fps = frame_rate(stream)
        extent = stated_extent(container, stream)
        # Short files are measured: it is cheap, and the exact last frame matters.
        if extent is None or extent.duration_s <= spec.window_s:
            extent = measured_extent(container, stream)
    if extent is None:
        raise InputError("corrupt", "no frame of the video can be decoded")
    windows, width, height = [], 0, 0
    chosen = choose_windows(extent.duration_s, spec.window_s, spec.max_windows, spec.coverage)
    for start in chosen.starts:
        span = min(spec.window_s, extent.duration_s)
        last = min(start + span - length, extent.last_s - extent.start_s)
        wanted = frame_times(start, max(start, last), spec.frames)
        found = _decode_frames(source, format, extent, wanted, spec.sides)
        if found is None:
            continue
        width, height = found.size
        heard = _decode_sound(source, format, extent, start, span, spec.sound_rate)
        windows.append(VideoWindow(found.pixels[0], found.times_s, start, heard, *found.pixels[1:]))
    if not windows:
        raise InputError("corrupt", "no frame of the video can be decoded")
    with_sound = any(window.sound is not None for window in windows)
    return Video(
        tuple(windows),
        width,
        height,
        fps,
        extent.duration_s,
        spec.sound_rate if with_sound else None,
        (undecodable(source, format, "sound"),) if hidden_sound else (),
        chosen.total,
        chosen.hop_s,
    )


def _most_pixels(stream: Any) -> int:
    """How large frames may be, so that those that the decoder holds fit into the memory."""
    return int(MAX_PIXELS // _LIMIT_SHARE * min(1.0, _LIMIT_BYTES / _bytes_a_pixel(stream)))


def _bytes_a_pixel(stream: Any) -> float:
    """Of all frames that the decoder holds."""
    format = stream.codec_context.format
    bytes_a_pixel = max(_USUAL_BYTES, format.padded_bits_per_pixel / 8 if format else 0)
    held = _FRAMES_HELD_BY_H264 if stream.codec_context.name == "h264" else _FRAMES_HELD
    return held * bytes_a_pixel


def _decode_frames(
    source: Source,
    format: str,
    extent: Extent,
    wanted: npt.NDArray[np.float64],
    sides: tuple[int, ...],
) -> _Frames | None:
    """The frames on screen at the requested times, or None if none can be decoded."""
    found = None
    for margin in _SEEK_MARGINS_S:
        found = _decode_once(source, format, extent, wanted, sides, margin)
        if found and math.prod(found.size) > _LARGE:
            # PyAV's objects refer to each other, and would keep the decoder's frames for a while.
            gc.collect()
        if wanted[0] <= margin or (found and found.times_s[0] <= wanted[0] + _ROUNDING_S):
            break
    return found


def _decode_once(
    source: Source,
    format: str,
    extent: Extent,
    wanted: npt.NDArray[np.float64],
    sides: tuple[int, ...],
    margin: float,
) -> _Frames | None:
    """As _decode_frames; decodes from `margin` seconds before the first of the times."""
    with open_container(source, format) as container:
        stream = picture_stream(container)
        if stream is None:
            return None
        stream.thread_type = "AUTO"
        if stream.width * stream.height > _LARGE:
            # Every thread holds a frame.
            stream.codec_context.thread_count = _THREADS_FOR_LARGE
        timed = frames_from(container, stream, extent.start_s + wanted[0] - margin, extent)
        shown = _on_screen(((time - extent.start_s, frame) for time, frame in timed), wanted)
        return _reduced(shown, _pixel_aspect(stream), sides)


def _reduced(
    shown: Iterator[tuple[float, Any]], aspect: float, sides: tuple[int, ...]
) -> _Frames | None:
    """The frames in RGB, one at a time, because those of a large video take much memory."""
    pictures: list[list[npt.NDArray[np.uint8]]] = []
    times: list[float] = []
    size = (0, 0)
    last = None
    for time, frame in shown:
        if frame is not last:
            with wrap_errors("unsupported", "the pixels of its frames cannot be turned to RGB"):
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
    return _Frames(stacked, np.array([times[i] for i in kept]), size)


def _nearest(numbers: list[int], to: int) -> int:
    return min(numbers, key=lambda number: abs(number - to))


def _pixel_aspect(stream: Any) -> float:
    """The pixel aspect ratio, width over height."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / _WIDEST <= aspect <= _WIDEST else 1.0


def _on_screen(
    timed: Iterable[tuple[float, Any]], wanted: npt.NDArray[np.float64]
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


def _decode_sound(
    source: Source, format: str, extent: Extent, start: float, span: float, to: int | None
) -> npt.NDArray[np.float32] | None:
    """The window's sound, float32 [round(span * to)], or None without decodable sound."""
    if to is None:
        return None
    with open_container(source, format) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        sound = Extent(start_of(stream), extent.last_s, extent.end_s)
        stretch = decode_samples(container, stream, sound, extent.start_s + start, span)
    if not len(stretch.samples):
        return None
    made = resample(to_mono(finite(stretch.samples), stretch.bass), stretch.rate, to)
    result = np.zeros(round(span * to), np.float32)
    result[: len(made)] = made[: len(result)]
    return result
