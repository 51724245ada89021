"""Looking at parts of pictures, grids and spectrograms: affine views of a batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def random_views(batch: int, smallest: float = 0.35, largest: float = 2.0) -> Tensor:
    """A random part of each picture, maybe mirrored: affine maps [B, 2, 3] for `look`.

    Four of five are a part of the picture with an area share from `smallest` to 1; the fifth is
    the whole picture somewhere on a sheet of up to `largest` its area. A third of all are turned by
    up to 15 degrees.
    """
    area = torch.empty(batch).uniform_(smallest, 1)
    ratio = torch.empty(batch).uniform_(math.log(3 / 4), math.log(4 / 3)).exp().sqrt()
    sheet = torch.empty(batch).uniform_(1, largest).sqrt()
    apart = torch.rand(batch) < 0.2
    width = torch.where(apart, sheet, (area.sqrt() * ratio).clamp(max=1))
    height = torch.where(apart, sheet, (area.sqrt() / ratio).clamp(max=1))
    flip = 1 - 2.0 * (torch.rand(batch) < 0.5)
    angle = torch.empty(batch).uniform_(-math.pi / 12, math.pi / 12)
    angle = angle * (torch.rand(batch) < 1 / 3)
    views = torch.zeros(batch, 2, 3)
    views[:, 0, 0] = width * flip * angle.cos()
    views[:, 0, 1] = -height * angle.sin()
    views[:, 1, 0] = width * flip * angle.sin()
    views[:, 1, 1] = height * angle.cos()
    views[:, 0, 2] = (1 - width) * torch.empty(batch).uniform_(-1, 1)
    views[:, 1, 2] = (1 - height) * torch.empty(batch).uniform_(-1, 1)
    return views


def look(grids: Tensor, views: Tensor, beyond: str = "zeros") -> Tensor:
    """What lies in each view, bilinear: [B, C, h, w] -> the same shape.

    beyond: what lies outside of a grid, "zeros" (the mean colour), its "border" or its
    "reflection".
    """
    places = functional.affine_grid(views, list(grids.shape), align_corners=False)
    return functional.grid_sample(grids, places, align_corners=False, padding_mode=beyond)
