"""Random affine crops of pictures, and affine maps of any grids."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def random_affine_crops(batch: int, smallest: float = 0.35, largest: float = 2.0) -> Tensor:
    """Random resized crops, flips and rotations as affine maps for `warp`.

    Four of five are crops with a share of the area from `smallest` to 1; the fifth is the whole
    picture within a frame of up to `largest` times its area. Half are mirrored, and a third
    rotated by up to 15 degrees.

    Args:
        batch: B, number of pictures.
        smallest: Share of the area of the smallest crop.
        largest: Area of the largest frame around a whole picture, in multiples of its own.

    Returns:
        float32 [B, 2, 3], as torch's affine_grid takes them.
    """
    area = torch.empty(batch).uniform_(smallest, 1)
    ratio = torch.empty(batch).uniform_(math.log(3 / 4), math.log(4 / 3)).exp().sqrt()
    frame = torch.empty(batch).uniform_(1, largest).sqrt()
    framed = torch.rand(batch) < 0.2
    width = torch.where(framed, frame, (area.sqrt() * ratio).clamp(max=1))
    height = torch.where(framed, frame, (area.sqrt() / ratio).clamp(max=1))
    flip = 1 - 2.0 * (torch.rand(batch) < 0.5)
    angle = torch.empty(batch).uniform_(-math.pi / 12, math.pi / 12)
    angle = angle * (torch.rand(batch) < 1 / 3)
    crops = torch.zeros(batch, 2, 3)
    crops[:, 0, 0] = width * flip * angle.cos()
    crops[:, 0, 1] = -height * angle.sin()
    crops[:, 1, 0] = width * flip * angle.sin()
    crops[:, 1, 1] = height * angle.cos()
    crops[:, 0, 2] = (1 - width) * torch.empty(batch).uniform_(-1, 1)
    crops[:, 1, 2] = (1 - height) * torch.empty(batch).uniform_(-1, 1)
    return crops


def warp(grids: Tensor, maps: Tensor, padding: str = "zeros") -> Tensor:
    """Applies an affine map to each grid, with bilinear interpolation.

    Args:
        grids: float [B, C, h, w].
        maps: float [B, 2, 3], from positions in the result to positions in the grid.
        padding: The values outside of a grid: "zeros" (the mean colour), its "border" or its
            "reflection".

    Returns:
        The shape of `grids`.
    """
    positions = functional.affine_grid(maps, list(grids.shape), align_corners=False)
    return functional.grid_sample(grids, positions, align_corners=False, padding_mode=padding)
