"""What `classify --explain` writes: a file with its heat. Quick, small, without matplotlib."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from perceiver_cli.explanations import Explanation, PictureMap
from perceiver_cli.report.pictures.colours import Scale, heat_on_crop
from perceiver_cli.report.pictures.thumbnail import thumbnail

ENDING = ".jpg"

# The longer side of a photo in pixels, at most, and what a file has of bytes, at most.
LARGEST_SIDE = 1600
MOST_BYTES = 300_000

# Qualities of JPEG that are tried, from the first that is small enough.
_QUALITIES = (85, 70, 55, 40, 25)

# The side of what is no photo; sounds and films are twice as wide.
_SIDE = 480


def overlay(explanation: Explanation) -> bytes:
    """A JPEG file: the photo at its own size with its heat, or the file above its heat.

    Photos of more than LARGEST_SIDE pixels are reduced to that.
    """
    window = explanation.windows[0]
    attribution = window.maps.get("image")
    if isinstance(attribution, PictureMap):
        scale = Scale.over(attribution.values[-1:])
        pixels = _own_size(window.shown, explanation.shown_size)
        drawn, _ = heat_on_crop(
            scale, pixels, attribution.values[-1], attribution.box, explanation.shown_size
        )
    else:
        both = thumbnail(explanation, _SIDE)
        drawn = np.concatenate([both.plain, both.heat], _direction(both.plain))
    return _small_jpeg(drawn)


def _own_size(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [h, w, 3] at `size` (width, height), or smaller."""
    factor = min(1.0, LARGEST_SIDE / max(size))
    wanted = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    if wanted == pixels.shape[1::-1]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(wanted, Image.Resampling.BILINEAR))


def _direction(pixels: np.ndarray) -> int:
    """The axis along which two pictures stand closest to a square."""
    return 0 if pixels.shape[1] > pixels.shape[0] else 1


def _small_jpeg(pixels: np.ndarray) -> bytes:
    """At most MOST_BYTES, if the lowest quality reaches that."""
    for quality in _QUALITIES:
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=quality)
        if content.tell() <= MOST_BYTES:
            break
    return content.getvalue()
