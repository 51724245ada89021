"""The byte array for the cross-attends: normalised, one slice at a time."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.model.grid import GridKeyValues
from perceiver_cli.model.keys_values import ChunkedKeyValues, KeyValues


class Positions(Protocol):
    """The last channels of every input, [M, P].

    Attributes:
        shape: (M, P).
        tables: One for each axis of a grid; the channels of a position are the sum of one row of
            each.
    """

    shape: torch.Size
    tables: list[Tensor]

    def __getitem__(self, where: slice) -> Tensor: ...


class NormalisedByteArray:
    """A byte array [B, M, C] of which each slice is concatenated and normalised when it is read.

    The whole array is never materialized, and a slice stays in the processor's cache.

    Args:
        raw: [B, M, C - P], or [B, M, C] without `positions`.
        positions: [M, P], if raw lacks them.
        eps: Epsilon of the norm, which is computed in raw's precision.
        dtype: Precision of the slices.

    Attributes:
        shape: (B, M, C).
    """

    def __init__(self, raw: Tensor, positions: Positions | None, eps: float, dtype: torch.dtype):
        self.raw = raw
        self.positions = positions
        self.eps = eps
        self.dtype = dtype
        beside = 0 if positions is None else positions.shape[-1]
        self.shape = torch.Size((*raw.shape[:2], raw.shape[2] + beside))

    def __getitem__(self, index: tuple[slice, slice]) -> Tensor:
        """Indexed as a tensor, `[:, where]`: [B, m, C]."""
        x = self.raw[index]
        if self.positions is not None:
            own = self.positions[index[1]].to(x.dtype)
            x = torch.cat([x, own.expand(len(x), *own.shape)], -1)
        return normalise(x, self.eps).to(self.dtype)

    @cached_property
    def grid(self) -> GridKeyValues | None:
        """The same elements as a grid, if their positions are those of rows and columns."""
        if self.positions is None or len(self.positions.tables) != 2:
            return None
        rows, columns = self.positions.tables
        return GridKeyValues(self.raw, rows, columns, self.eps)


def as_keys_and_values(x: Tensor | NormalisedByteArray) -> KeyValues:
    """A normalised byte array [B, M, C] as both keys and values."""
    if isinstance(x, NormalisedByteArray) and x.grid is not None:
        return x.grid

    def compute(where: slice) -> tuple[Tensor, Tensor]:
        chunk = x[:, where].unsqueeze(1)
        return chunk, chunk

    return ChunkedKeyValues(x.shape[1], x.dtype, compute, shared=True)


def normalise(x: Tensor, eps: float) -> Tensor:
    """LayerNorm over channels without scale and shift: [B, M, C] -> [B, M, C]."""
    return functional.layer_norm(x, x.shape[-1:], eps=eps)
