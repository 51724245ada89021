"""Patches: a grid cut into equal parts, and the position features beside their values."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.fourier import GridFeatures


def check_divides(part: str, size: int, whole: str, total: int) -> None:
    """Checks that patches fill a whole exactly.

    Args:
        part: The name of a patch's side in messages.
        size: The patch's side.
        whole: The name of the whole in messages.
        total: The size of the whole.

    Raises:
        ValueError: They do not.
    """
    if size < 1 or total < size or total % size:
        raise ValueError(f"{part} ({size}) must divide {whole} ({total})")


def patchify(grid: Tensor, patch: tuple[int, ...]) -> Tensor:
    """Cuts a grid of one to three dimensions into patches.

    Args:
        grid: [B, channels, s_1, ..., s_d].
        patch: The sides p_1, ..., p_d, which divide those of the grid.

    Returns:
        [B, s_1/p_1, ..., s_d/p_d, values]. A patch's values are ordered by cell first, then by
        channel.
    """
    d = len(patch)
    shape = list(grid.shape[:2])
    for size, p in zip(grid.shape[2:], patch, strict=True):
        shape += [size // p, p]
    counts = [2 + 2 * i for i in range(d)]
    inner = [3 + 2 * i for i in range(d)]
    return grid.reshape(shape).permute(0, *counts, *inner, 1).flatten(1 + d)


def append_positions(values: Tensor, positions: GridFeatures) -> Tensor:
    """The byte array of values and positions.

    Args:
        values: [B, M, c].
        positions: [M, p].

    Returns:
        [B, M, c + p].
    """
    return torch.cat([values, positions[:].expand(len(values), *positions.shape)], -1)
