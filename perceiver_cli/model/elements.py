"""The byte array as the cross-attends read it: normalised, in slices."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.model.grid import GridReading
from perceiver_cli.model.reading import KeysAndValues, Reading


class Positions(Protocol):
    """The last channels of every input, [M, P].

    tables: one for each axis of a grid; at each place these are the sum of a row of each.
    """

    shape: torch.Size
    tables: list[Tensor]

    def __getitem__(self, where: slice) -> Tensor: ...


class Elements:
    """A byte array [B, M, C] that is put together and normalised slice by slice, when asked.

    Nothing of its size is made, and a slice is still in the processor's cache when it is read.

    raw: [B, M, C - P]; positions: where raw lacks them (else None); eps: of the norm, which is
    computed in raw's precision; dtype: of the slices.
    """

    def __init__(self, raw: Tensor, positions: Positions | None, eps: float, dtype: torch.dtype):
        self.raw = raw
        self.positions = positions
        self.eps = eps
        self.dtype = dtype
        beside = 0 if positions is None else positions.shape[-1]
        self.shape = torch.Size((*raw.shape[:2], raw.shape[2] + beside))

    def __getitem__(self, index: tuple[slice, slice]) -> Tensor:
        """As of a tensor, `[:, where]`: [B, m, C]."""
        x = self.raw[index]
        if self.positions is not None:
            own = self.positions[index[1]].to(x.dtype)
            x = torch.cat([x, own.expand(len(x), *own.shape)], -1)
        return normalise(x, self.eps).to(self.dtype)

    @cached_property
    def grid(self) -> GridReading | None:
        """The same elements, if they are a grid's rows and columns."""
        if self.positions is None or len(self.positions.tables) != 2:
            return None
        rows, columns = self.positions.tables
        return GridReading(self.raw, rows, columns, self.eps)


def themselves(x: Tensor | Elements) -> Reading:
    """Elements [B, M, C] as both keys and values."""
    if isinstance(x, Elements) and x.grid is not None:
        return x.grid

    def chunk(where: slice) -> tuple[Tensor, Tensor]:
        part = x[:, where].unsqueeze(1)
        return part, part

    return KeysAndValues(x.shape[1], x.dtype, chunk, same=True)


def normalise(x: Tensor, eps: float) -> Tensor:
    """LayerNorm over channels without scale and shift: [B, M, C] -> [B, M, C]."""
    return functional.layer_norm(x, x.shape[-1:], eps=eps)
