"""How pictures are stored and handed on: compression, another resolution, blur or sharpening."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

_FILTERS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def degraded(pixels: Tensor, share: float = 0.7) -> Tensor:
    """A share of the pictures, resampled, blurred, sharpened or compressed.

    Three tenths of the changed ones are resampled (see resampled), two tenths blurred with a sigma
    of up to a 45th of the shorter side, two tenths sharpened; the rest and a third of these become
    JPEG files of quality 10 to 95.

    Args:
        pixels: uint8 [B, H, W, 3].

    Returns:
        The same shape.
    """
    chosen = (torch.rand(len(pixels)) < share).nonzero().flatten().tolist()
    changed = pixels.clone()
    for row in chosen:
        picture = Image.fromarray(pixels[row].numpy())
        kind, strength, again, quality = torch.rand(4).tolist()
        if kind < 0.3:
            picture = resampled(picture, 1 - 0.6 * strength)
        elif kind < 0.5:
            picture = picture.filter(ImageFilter.GaussianBlur(strength * min(picture.size) / 45))
        elif kind < 0.7:
            picture = picture.filter(ImageFilter.UnsharpMask(1, round(150 * strength), 0))
        if kind >= 0.7 or again < 1 / 3:
            picture = as_jpeg(picture, round(10 + 85 * quality))
        changed[row] = torch.from_numpy(np.array(picture))
    return changed


def resampled(picture: Image.Image, scale: float) -> Image.Image:
    """A picture reduced to a share of its sides with a random filter, and enlarged with another."""
    down, up = (_FILTERS[i] for i in torch.randint(len(_FILTERS), (2,)).tolist())
    width, height = (max(1, round(scale * side)) for side in picture.size)
    return picture.resize((width, height), down).resize(picture.size, up)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """What is left of a picture, in RGB, once it was a JPEG file."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")
