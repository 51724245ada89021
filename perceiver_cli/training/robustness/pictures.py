"""Corruptions of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image, ImageFilter

from perceiver_cli.inference.decoding.preparer import Corruption
from perceiver_cli.media.types import Picture
from perceiver_cli.training.augment.compression import as_jpeg


def _on_picture(edit: Callable[[Image.Image, np.random.Generator], Image.Image]) -> Corruption:
    def corrupt(picture: Picture, rng: np.random.Generator) -> Picture:
        pixels = np.asarray(edit(Image.fromarray(picture.pixels), rng))
        return replace(picture, pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])

    return corrupt


def _off_centre(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """On a grey sheet 1.4 times as wide and high, anywhere on it."""
    wide, high = round(1.4 * picture.width), round(1.4 * picture.height)
    sheet = Image.new("RGB", (wide, high), (124, 116, 104))
    left = rng.integers(wide - picture.width + 1)
    sheet.paste(picture, (int(left), int(rng.integers(high - picture.height + 1))))
    return sheet


CORRUPTIONS: dict[str, Corruption] = {
    "off centre": _on_picture(_off_centre),
    "turned by up to 15 degrees": _on_picture(
        lambda p, rng: p.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC)
    ),
    "JPEG of quality 20": _on_picture(lambda p, rng: as_jpeg(p, 20)),
    "half as bright": _on_picture(lambda p, rng: p.point(lambda value: value // 2)),
    "grey": _on_picture(lambda p, rng: p.convert("L").convert("RGB")),
    "blurred": _on_picture(lambda p, rng: p.filter(ImageFilter.GaussianBlur(min(p.size) / 64))),
}
