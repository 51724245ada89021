"""Corruptions of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from perceiver_cli.inference.decoding.decode import Corruption
from perceiver_cli.media.types import Picture
from perceiver_cli.preparation.resampling import through_jpeg


def _on_picture(edit: Callable[[Image.Image, np.random.Generator], Image.Image]) -> Corruption:
    def corrupt(picture: Picture, rng: np.random.Generator) -> Picture:
        pixels = np.asarray(edit(Image.fromarray(picture.pixels), rng))
        return replace(picture, pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])

    return corrupt


def _off_centre(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Places a picture at random on a grey sheet 1.4 times as wide and high."""
    wide, high = round(1.4 * picture.width), round(1.4 * picture.height)
    sheet = Image.new("RGB", (wide, high), (124, 116, 104))
    left = rng.integers(wide - picture.width + 1)
    sheet.paste(picture, (int(left), int(rng.integers(high - picture.height + 1))))
    return sheet


def _enlarged(picture: Image.Image, shorter: int) -> Image.Image:
    """Enlarges a picture whose shorter side is below a number of pixels."""
    scale = shorter / min(picture.size)
    if scale <= 1:
        return picture
    size = (round(scale * picture.width), round(scale * picture.height))
    return picture.resize(size, Image.Resampling.LANCZOS)


def _compress_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return Image.fromarray(through_jpeg(np.asarray(picture), quality))


def _phone_photo(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Imitates a phone: 3,000 pixels (12 megapixels at 4:3), slightly out of focus, JPEG 90."""
    photo = _enlarged(picture, 3000)
    return _compress_jpeg(photo.filter(ImageFilter.GaussianBlur(min(photo.size) / 500)), 90)


def _screenshot(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Shows a picture in a window with a title bar, on a dark screen of 1280x800 pixels."""
    screen = Image.new("RGB", (1280, 800), (32, 33, 36))
    scale = min(1200 / picture.width, 700 / picture.height)
    size = (max(1, round(scale * picture.width)), max(1, round(scale * picture.height)))
    left, top = (1280 - size[0]) // 2, 60 + (700 - size[1]) // 2
    screen.paste((225, 227, 230), (left, top - 32, left + size[0], top))
    screen.paste(picture.resize(size, Image.Resampling.BICUBIC), (left, top))
    return screen


CORRUPTIONS: dict[str, Corruption] = {
    "full-size, clean": _on_picture(lambda p, rng: _enlarged(p, 512)),
    "PNG of 256 colours": _on_picture(lambda p, rng: p.quantize(256).convert("RGB")),
    "phone photo": _on_picture(_phone_photo),
    "screenshot of it": _on_picture(_screenshot),
    "off centre": _on_picture(_off_centre),
    "turned by up to 15 degrees": _on_picture(
        lambda p, rng: p.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC)
    ),
    "JPEG of quality 20": _on_picture(lambda p, rng: _compress_jpeg(p, 20)),
    "half as bright": _on_picture(lambda p, rng: p.point(lambda value: value // 2)),
    "grey": _on_picture(lambda p, rng: p.convert("L").convert("RGB")),
    "blurred": _on_picture(lambda p, rng: p.filter(ImageFilter.GaussianBlur(min(p.size) / 64))),
}
