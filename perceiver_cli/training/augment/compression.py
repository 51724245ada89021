"""Degradations of stored pictures: compression, resampling, blur and sharpening."""

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


def degrade(pixels: Tensor, share: float = 0.7) -> Tensor:
    """Resamples, blurs, sharpens or compresses a share of the pictures.

    Of these, 30 % are resampled (see `resample`), 20 % blurred with a sigma of up to a 45th of the
    shorter side and 20 % sharpened. The other 30 %, and a third of those, are compressed as JPEG
    with a quality of 10 to 95.

    Args:
        pixels: uint8 [B, H, W, 3].
        share: Of the pictures that are changed.

    Returns:
        The same shape.
    """
    chosen = (torch.rand(len(pixels)) < share).nonzero().flatten().tolist()
    changed = pixels.clone()
    for row in chosen:
        picture = Image.fromarray(pixels[row].numpy())
        kind, strength, again, quality = torch.rand(4).tolist()
        if kind < 0.3:
            picture = resample(picture, 1 - 0.6 * strength)
        elif kind < 0.5:
            picture = picture.filter(ImageFilter.GaussianBlur(strength * min(picture.size) / 45))
        elif kind < 0.7:
            picture = picture.filter(ImageFilter.UnsharpMask(1, round(150 * strength), 0))
        if kind >= 0.7 or again < 1 / 3:
            picture = compress_jpeg(picture, round(10 + 85 * quality))
        changed[row] = torch.from_numpy(np.array(picture))
    return changed


def resample(picture: Image.Image, scale: float) -> Image.Image:
    """Scales a picture down to a share of its sides and up again, each with a random filter."""
    down, up = (_FILTERS[i] for i in torch.randint(len(_FILTERS), (2,)).tolist())
    width, height = (max(1, round(scale * side)) for side in picture.size)
    return picture.resize((width, height), down).resize(picture.size, up)


def compress_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Compresses a picture as JPEG and decodes it as RGB."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")
