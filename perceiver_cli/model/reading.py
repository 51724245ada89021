"""What a cross-attend reads: M elements, of which a part at a time is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# Elements of the byte array that are scored at once when no gradient is wanted: few enough for
# their scores to stay in a processor's cache.
CHUNK = 2048


class Part(Protocol):
    """Some of the elements."""

    def scores(self, queries: Tensor) -> Tensor:
        """Products of queries [B, H, N, c] with the keys: [B, H, N, m], a tensor of its own."""

    def sums(self, weights: Tensor) -> Tensor:
        """Sums of the values under weights [B, H, N, m]: [B, H, N, v]."""


class Reading(Protocol):
    """All the elements. Queries are translated for it, and the sums it gives are translated back.

    same: whether its keys are its values. A latent's mean score then is its mean value's score.
    """

    @property
    def elements(self) -> int:
        """M."""

    @property
    def same(self) -> bool:
        """See above."""

    def slices(self) -> Iterator[slice]:
        """The parts, in order."""

    def part(self, where: slice) -> Part:
        """The elements in one of the slices."""

    def ask(self, queries: Tensor) -> Tensor:
        """Queries [B, H, N, c] as its parts take them."""

    def answer(self, sums: Tensor) -> Tensor:
        """Its parts' sums, added up, as values [B, H, N, v]."""


@dataclass(frozen=True)
class Dense:
    """keys: [B, H or 1, m, c]; values: [B, H or 1, m, v]."""

    keys: Tensor
    values: Tensor

    def scores(self, queries: Tensor) -> Tensor:
        """See Part."""
        return product(queries, self.keys.mT)

    def sums(self, weights: Tensor) -> Tensor:
        """See Part."""
        return product(weights, self.values)


@dataclass(frozen=True)
class KeysAndValues:
    """Elements as they are, or keys and values made of them. See Reading.

    chunk: from a slice to keys [B, H or 1, m, c], of `dtype`, and values [B, H or 1, m, v].
    """

    elements: int
    dtype: torch.dtype
    chunk: Callable[[slice], tuple[Tensor, Tensor]]
    same: bool = False

    @classmethod
    def of(cls, keys: Tensor, values: Tensor) -> KeysAndValues:
        """keys: [B, H or 1, M, c]; values: [B, H or 1, M, v]."""

        def chunk(where: slice) -> tuple[Tensor, Tensor]:
            return keys[:, :, where], values[:, :, where]

        return cls(keys.shape[2], keys.dtype, chunk, same=keys is values)

    def slices(self) -> Iterator[slice]:
        """See Reading."""
        for start in range(0, self.elements, CHUNK):
            yield slice(start, min(start + CHUNK, self.elements))

    def part(self, where: slice) -> Dense:
        """See Reading."""
        return Dense(*self.chunk(where))

    def ask(self, queries: Tensor) -> Tensor:
        """See Reading."""
        return queries.to(self.dtype)

    def answer(self, sums: Tensor) -> Tensor:
        """See Reading."""
        return sums


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b: [B, H, N, k], [B, H or 1, k, m] -> [B, H, N, m]; what heads share is not copied."""
    if b.shape[1] == 1:
        multiplied: Tensor = (a.flatten(1, 2) @ b.squeeze(1)).unflatten(1, a.shape[1:3])
        return multiplied
    return a @ b
