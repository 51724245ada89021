"""The drawing of `classify --explain`: a file with its heat map. Needs no matplotlib."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from perceiver_cli.explanations import Explanation, PictureMap
from perceiver_cli.report.drawings.colours import BACKGROUND, INK, Scale, heat_on_crop
from perceiver_cli.report.drawings.thumbnail import thumbnail

ENDING = ".jpg"

# Limits of the longer side of a photo, in pixels, and of the file, in bytes.
MAX_SIDE = 1600
MAX_BYTES = 300_000

# JPEG qualities; the first one with a small enough file is used.
_QUALITIES = (85, 70, 55, 40, 25)

# Side of the drawings of other modalities; sounds and videos are twice as wide.
_SIDE = 480

# Heights of a line of text and of its letters, in pixels.
_LINE, _LETTERS = 32, 18


def overlay(explanation: Explanation) -> bytes:
    """A JPEG file: the photo at its own size under its heat map, or the file above its heat map.

    For a sound or video, it shows one window, with its time below. Photos of more than MAX_SIDE
    pixels are reduced to that.
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
        if both.caption:
            drawn = np.concatenate([drawn, _line_of_text(both.caption, drawn.shape[1])])
    return _small_jpeg(drawn)


def _own_size(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [h, w, 3] at `size` (width, height), or smaller."""
    factor = min(1.0, MAX_SIDE / max(size))
    wanted = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    if wanted == pixels.shape[1::-1]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(wanted, Image.Resampling.BILINEAR))


def _line_of_text(words: str, width: int) -> np.ndarray:
    """uint8 [_LINE, width, 3]."""
    line = Image.new("RGB", (width, _LINE), BACKGROUND)
    place = (_LINE // 4, _LINE // 2)
    ImageDraw.Draw(line).text(place, words, INK, ImageFont.load_default(_LETTERS), anchor="lm")
    return np.asarray(line)


def _direction(pixels: np.ndarray) -> int:
    """The axis along which two concatenated drawings are closest to a square."""
    return 0 if pixels.shape[1] > pixels.shape[0] else 1


def _small_jpeg(pixels: np.ndarray) -> bytes:
    """At most MAX_BYTES, if the lowest quality is small enough."""
    for quality in _QUALITIES:
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=quality)
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()
