"""Animated pictures (GIF, WebP, PNG, AVIF) as videos, each frame with its own duration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.frames import frame_times, reduced_size
from perceiver_cli.media.image import exif_orientation
from perceiver_cli.media.large_inputs import take_memory
from perceiver_cli.media.limits import MAX_FRAMES, limit_text
from perceiver_cli.media.pillow import check_memory, decoding, open_picture, peak_bytes
from perceiver_cli.media.pillow_settings import quiet_pillow
from perceiver_cli.media.pixels import apply_orientation, reduction_of, to_rgb_array
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.types import Video, VideoWindow
from perceiver_cli.media.windows import choose_windows

if TYPE_CHECKING:
    from PIL import Image

ANIMATION_FORMATS = frozenset({"gif", "webp", "png", "avif"})

# As in browsers, frames with a duration of 10 ms or less are shown for 100 ms.
_MIN_MS, _USUAL_MS = 10.0, 100.0


@quiet_pillow
def load_animation(source: Source, format: str, spec: VideoSpec) -> Video:
    """The windows of an animated picture.

    Args:
        source: The file.
        format: One of ANIMATION_FORMATS.
        spec: The frames to load; see load_video.

    Returns:
        The video, without sound.

    Raises:
        InputError: As load_video raises it.
    """
    with source.open() as stream, open_picture(stream, format) as picture:
        check_memory(picture, format, moving=True)
        take_memory(peak_bytes(picture, format, moving=True))
        width, height = picture.size
        orientation = exif_orientation(picture)
        lengths = [_length_s(frame) for frame in _frames(picture, format)]
        notes = _notes(picture, len(lengths))
    if not lengths:
        raise InputError("corrupt", "no frame of the animation can be decoded")
    ends = np.cumsum(lengths)
    begins = ends - lengths
    duration = float(ends[-1])
    plans = []
    chosen = choose_windows(duration, spec.window_s, spec.max_windows, spec.coverage)
    for start in chosen.starts:
        last = float(begins[begins < start + spec.window_s].max())
        wanted = frame_times(start, max(start, last), spec.frames)
        plans.append((start, np.searchsorted(ends, wanted + 1e-6, side="right")))
    needed = {int(index) for _, indices in plans for index in indices}
    sizes = [reduced_size(width, height, side) for side in spec.sides]
    with source.open() as stream, open_picture(stream, format) as picture:
        pictures = {
            index: [_upright(frame, size, orientation) for size in sizes]
            for index, frame in enumerate(_frames(picture, format))
            if index in needed
        }
    if not needed <= pictures.keys():
        raise InputError(
            "corrupt", "the animation is damaged: its frames could not be decoded again"
        )
    windows = tuple(
        _window([pictures[int(i)] for i in indices], begins[indices], start, number)
        for number, (start, indices) in enumerate(plans, spec.coverage.first)
    )
    if orientation >= 5:
        width, height = height, width
    fps = len(lengths) / duration
    return Video(
        windows, width, height, fps, duration, None, notes, chosen.total, chosen.read_whole
    )


def _window(
    pictures: list[list[np.ndarray]], times_s: np.ndarray, start_s: float, index: int
) -> VideoWindow:
    """A window of frames, each at one or two sizes."""
    frames, *shown = (np.stack(of_size) for of_size in zip(*pictures, strict=True))
    return VideoWindow(frames, times_s, start_s, index, None, *shown)


def _frames(picture: Image.Image, format: str) -> Iterator[Image.Image]:
    """Yields frames in order until the end, damage, or MAX_FRAMES.

    The default picture of an animated PNG, shown only where animation is not supported, is not
    one of them.
    """
    first = _first(picture)
    for index in range(first, first + MAX_FRAMES):
        try:
            with decoding(format):
                picture.seek(index)
                picture.load()
        except InputError as error:
            if error.kind == "too_large":
                raise
            return
        yield picture


def _first(picture: Image.Image) -> int:
    return 1 if getattr(picture, "default_image", False) else 0


def _notes(picture: Image.Image, found: int) -> tuple[str, ...]:
    stated = getattr(picture, "n_frames", found) - _first(picture)
    if found >= stated:
        return ()
    if found == MAX_FRAMES:
        return (f"an animation of {stated:,} frames: {limit_text('MAX_FRAMES')}",)
    if picture.format == "GIF":
        # It states no number of frames, and those counted behind the damage may be none.
        frames = "frame" if found == 1 else f"{found:,} frames"
    else:
        frames = f"of {stated:,} frames" if found == 1 else f"{found:,} of {stated:,} frames"
    return (f"the animation is cut off or damaged: only the first {frames} can be decoded",)


def _length_s(frame: Image.Image) -> float:
    milliseconds = float(frame.info.get("duration") or 0)
    return (milliseconds if milliseconds > _MIN_MS else _USUAL_MS) / 1000


def _upright(
    frame: Image.Image, size: tuple[int, int], orientation: int
) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A frame as uint8 [h, w, 3], reduced to a (width, height) of its stored form, and upright."""
    from PIL import Image

    pixels = to_rgb_array(frame, factor=reduction_of(frame, min(size)))
    stored = np.asarray(Image.fromarray(pixels).resize(size))
    return apply_orientation(stored, orientation)
