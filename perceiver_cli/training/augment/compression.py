"""What becomes of pictures on their way: strong compression, or loss of focus."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor


def degraded(pixels: Tensor, share: float = 0.3) -> Tensor:
    """A share of the pictures, half of it as JPEG of quality 10 to 70, half of it blurred.

    uint8 [B, H, W, 3] -> the same. The blur's sigma is up to a 45th of the shorter side.
    """
    chosen = (torch.rand(len(pixels)) < share).nonzero().flatten().tolist()
    changed = pixels.clone()
    for row in chosen:
        picture = Image.fromarray(pixels[row].numpy())
        strength, kind = torch.rand(2).tolist()
        if kind < 0.5:
            picture = as_jpeg(picture, round(70 - 60 * strength))
        else:
            picture = picture.filter(ImageFilter.GaussianBlur(strength * min(picture.size) / 45))
        changed[row] = torch.from_numpy(np.array(picture))
    return changed


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """What is left of a picture, in RGB, once it was a JPEG file."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")
