"""Chroma subsampling 4:2:0, as JPEG files and videos store colour.

Most stored pictures have chroma averaged over 2x2 pixels and luma at full resolution. All others
are converted in the same way, so that lossless and compressed files give nearly the same byte
array.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.media.luma import LUMA_WEIGHTS


def subsample_chroma(pixels: Tensor) -> Tensor:
    """Averages chroma over 2x2 pixels and interpolates it linearly; luma is unchanged.

    Args:
        pixels: float [B, 3, ..., S, S], RGB from 0 to 255, S even.

    Returns:
        The same shape, rounded to integers.
    """
    luma = luma_of(pixels)
    differences = (pixels - luma).flatten(0, -3).unsqueeze(1)
    coarse = functional.avg_pool2d(differences, 2)
    smooth = functional.interpolate(coarse, scale_factor=2, mode="bilinear")
    return (smooth.view_as(pixels) + luma).round_().clamp_(0, 255)


def luma_of(pixels: Tensor) -> Tensor:
    """Luma of a picture (ITU-R BT.601, as in JPEG).

    Args:
        pixels: RGB, float [B, 3, ...].

    Returns:
        [B, 1, ...], on the same scale.
    """
    weights = torch.tensor(LUMA_WEIGHTS).to(pixels).view(3, *[1] * (pixels.dim() - 2))
    return (pixels * weights).sum(1, keepdim=True)
