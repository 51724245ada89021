"""Animated pictures (GIF, WebP, PNG, AVIF) as videos: every frame is shown for its own time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.frames import reduced_size, wanted_times
from perceiver_cli.media.image import open_picture
from perceiver_cli.media.limits import MAX_FRAMES
from perceiver_cli.media.pixels import check_size, to_rgb
from perceiver_cli.media.types import Source, Video, VideoSpec, VideoWindow
from perceiver_cli.media.windows import window_starts

if TYPE_CHECKING:
    from PIL import Image

ANIMATION_FORMATS = frozenset({"gif", "webp", "png", "avif"})

# As browsers do: frames that ask for 10 ms or less are shown for 100 ms.
_SHORTEST_MS, _USUAL_MS = 10.0, 100.0


def load_animation(source: Source, format: str, spec: VideoSpec) -> Video:
    """The windows of an animated picture; see load_video. Raises InputError as it does."""
    with source.open() as stream, open_picture(stream, format) as picture:
        check_size(*picture.size)
        lengths = [_length_s(frame) for frame in _frames(picture)]
        width, height = picture.size
    if not lengths:
        raise InputError("corrupt", "no frame of the animation can be decoded")
    ends = np.cumsum(lengths)
    begins = ends - lengths
    duration = float(ends[-1])
    plans = []
    for start in window_starts(duration, spec.window_s, spec.max_windows):
        last = float(begins[begins < start + spec.window_s].max())
        wanted = wanted_times(start, max(start, last), spec.frames)
        plans.append((start, np.searchsorted(ends, wanted + 1e-6, side="right")))
    needed = {int(index) for _, indices in plans for index in indices}
    with source.open() as stream, open_picture(stream, format) as picture:
        size = reduced_size(width, height, spec.short_side)
        pictures = {
            index: np.asarray(to_rgb(frame).resize(size))
            for index, frame in enumerate(_frames(picture))
            if index in needed
        }
    windows = tuple(
        VideoWindow(np.stack([pictures[int(i)] for i in indices]), begins[indices], start)
        for start, indices in plans
    )
    return Video(windows, width, height, len(lengths) / duration, duration)


def _frames(picture: Image.Image) -> Iterator[Image.Image]:
    """Frames in order until the end, damage, or MAX_FRAMES.

    The default picture of an animated PNG, shown only where animation is not supported, is not
    one of them.
    """
    first = 1 if getattr(picture, "default_image", False) else 0
    for index in range(first, first + MAX_FRAMES):
        try:
            picture.seek(index)
            picture.load()
        except Exception:
            return
        yield picture


def _length_s(frame: Image.Image) -> float:
    milliseconds = float(frame.info.get("duration") or 0)
    return (milliseconds if milliseconds > _SHORTEST_MS else _USUAL_MS) / 1000
