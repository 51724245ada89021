"""Fourier position features, as in DeepMind's position_encoding.py (section 3.2 of the paper)."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Bands:
    """The frequencies of one set of position features.

    Attributes:
        count: K, bands per dimension.
        highest: The highest frequency in half cycles per unit of position; res/2 in the paper.
            One for all dimensions, or one for each.
        spacing: Linear from 1 to `highest` (the paper), or logarithmic, which suits points with
            structure at several scales.
    """

    count: int
    highest: float | tuple[float, ...]
    spacing: Literal["linear", "log"] = "linear"

    def channels(self, dimensions: int) -> int:
        """Feature channels of a position: d + 2 K d.

        Args:
            dimensions: d.
        """
        return dimensions * (1 + 2 * self.count)

    def frequencies(self) -> Tensor:
        """float32 [K], or [d, K] where every dimension has its own highest."""
        if isinstance(self.highest, tuple):
            return torch.stack([self._spaced(highest) for highest in self.highest])
        return self._spaced(self.highest)

    def _spaced(self, highest: float) -> Tensor:
        if self.spacing == "linear":
            return torch.linspace(1.0, highest, self.count)
        return torch.logspace(0.0, math.log2(highest), self.count, base=2.0)


def fourier_features(positions: Tensor, bands: Bands) -> Tensor:
    """[p, sin(pi f_k p_i), cos(pi f_k p_i)] (2021 paper, section 3.2; position_encoding.py).

    Channel order: all positions, all sines (dimension-major), all cosines.

    Args:
        positions: p, float [..., d] in [-1, 1].
        bands: The frequencies f_k.

    Returns:
        [..., d + 2 K d].
    """
    # Multiplied in the source's order: rounding in float32 shows at high frequencies.
    angles = math.pi * (positions.unsqueeze(-1) * bands.frequencies().to(positions)).flatten(-2)
    return torch.cat([positions, angles.sin(), angles.cos()], -1)


class GridFeatures:
    """Fourier features of a grid's cells, [M, d + 2 K d], stored as one table per axis.

    A table is zero in the channels of other axes, so a row of the matrix is the sum of one row of
    each table. At 224 x 224 pixels this takes 0.5 MB instead of 50 MB.

    Args:
        bands: The frequencies.
        sizes: Cells along each of the d axes, in 'ij' order. The positions along an axis are
            linspace(-1, 1), both ends included; an axis of one cell has -1.
    """

    def __init__(self, bands: Bands, *sizes: int) -> None:
        self.sizes = sizes
        self.shape = torch.Size((math.prod(sizes), bands.channels(len(sizes))))
        every = bands.frequencies().expand(len(sizes), -1)
        self.tables = []
        for k, size in enumerate(sizes):
            axis = torch.linspace(-1.0, 1.0, size).unsqueeze(1)
            angles = math.pi * (axis * every[k])
            table = torch.zeros(size, self.shape[1])
            own = table.split([len(sizes), every.numel(), every.numel()], 1)
            for part, values in zip(own, (axis, angles.sin(), angles.cos()), strict=True):
                part.chunk(len(sizes), 1)[k].copy_(values)
            self.tables.append(table)

    def to(self, device: torch.device) -> GridFeatures:
        """A copy with the tables on a device.

        Args:
            device: The device.
        """
        moved = copy(self)
        moved.tables = [table.to(device) for table in self.tables]
        return moved

    def __getitem__(self, where: slice) -> Tensor:
        """Rows of the matrix: float32 [m, d + 2 K d]."""
        cells = torch.arange(self.shape[0], device=self.tables[0].device)[where]
        rows = self.tables[-1].index_select(0, cells % self.sizes[-1])
        for table, size in zip(self.tables[-2::-1], self.sizes[:0:-1], strict=True):
            cells = cells // size
            rows += table.index_select(0, cells % len(table))
        return rows
