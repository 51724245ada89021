"""Keys and values of a cross-attend: M elements, which are computed and read in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# Number of elements in a chunk if no gradients are recorded, so that their scores stay in a
# processor's cache.
CHUNK = 2048


class KeyValueChunk(Protocol):
    """Keys and values of m of the M elements."""

    def scores(self, queries: Tensor) -> Tensor:
        """Products of queries [B, H, N, c] with the keys: a new tensor [B, H, N, m]."""

    def sums(self, weights: Tensor) -> Tensor:
        """Sums of the values, weighted by [B, H, N, m]: [B, H, N, v]."""


class KeyValues(Protocol):
    """Keys and values of all M elements, possibly in a basis of their own.

    Queries are first projected to that basis, and the weighted sums are projected back.
    """

    @property
    def num_elements(self) -> int:
        """M."""

    @property
    def shared(self) -> bool:
        """Whether keys and values are the same.

        The mean score of a latent is then the score of its mean value.
        """

    def slices(self) -> Iterator[slice]:
        """The slices of M that the chunks are of, in order."""

    def chunk(self, where: slice) -> KeyValueChunk:
        """The elements of one slice."""

    def project_queries(self, queries: Tensor) -> Tensor:
        """Queries [B, H, N, c] in the basis of the chunks."""

    def project_sums(self, sums: Tensor) -> Tensor:
        """Sums over all chunks as values [B, H, N, v]."""


@dataclass(frozen=True)
class DenseChunk:
    """Keys and values as two tensors. See KeyValueChunk.

    Attributes:
        keys: [B, H or 1, m, c].
        values: [B, H or 1, m, v].
    """

    keys: Tensor
    values: Tensor

    def scores(self, queries: Tensor) -> Tensor:
        """See KeyValueChunk."""
        return product(queries, self.keys.mT)

    def sums(self, weights: Tensor) -> Tensor:
        """See KeyValueChunk."""
        return product(weights, self.values)


@dataclass(frozen=True)
class ChunkedKeyValues:
    """Keys and values that are computed for each chunk when it is read. See KeyValues.

    Attributes:
        num_elements: M.
        dtype: Precision of the keys.
        compute: From a slice of M to keys [B, H or 1, m, c] and values [B, H or 1, m, v].
        shared: Whether keys and values are the same.
    """

    num_elements: int
    dtype: torch.dtype
    compute: Callable[[slice], tuple[Tensor, Tensor]]
    shared: bool = False

    @classmethod
    def of(cls, keys: Tensor, values: Tensor) -> ChunkedKeyValues:
        """keys: [B, H or 1, M, c]; values: [B, H or 1, M, v]."""

        def compute(where: slice) -> tuple[Tensor, Tensor]:
            return keys[:, :, where], values[:, :, where]

        return cls(keys.shape[2], keys.dtype, compute, shared=keys is values)

    def slices(self) -> Iterator[slice]:
        """See KeyValues."""
        for start in range(0, self.num_elements, CHUNK):
            yield slice(start, min(start + CHUNK, self.num_elements))

    def chunk(self, where: slice) -> DenseChunk:
        """See KeyValues."""
        return DenseChunk(*self.compute(where))

    def project_queries(self, queries: Tensor) -> Tensor:
        """See KeyValues."""
        return queries.to(self.dtype)

    def project_sums(self, sums: Tensor) -> Tensor:
        """See KeyValues."""
        return sums


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b: [B, H, N, k], [B, H or 1, k, m] -> [B, H, N, m]; shared factors are not copied."""
    if b.shape[1] == 1:
        multiplied: Tensor = (a.flatten(1, 2) @ b.squeeze(1)).unflatten(1, a.shape[1:3])
        return multiplied
    return a @ b
