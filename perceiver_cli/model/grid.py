"""Keys and values of a grid whose elements are never materialized."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

# Number of positions in a chunk, over all items, so that their scores stay in a processor's cache.
# A GPU gets more, because each chunk costs kernel launches.
POSITIONS, POSITIONS_ON_GPU = 1024, 2**16


class GridKeyValues:
    """Normalised elements whose positions are sums of a row's and a column's features.

    The element in row y and column x, with raw channels u and positions R_y + C_x, is
        ((u, R_y + C_x) - mean) / deviation = basis k,
        k = (mean, u, one-hot of y, one-hot of x) / deviation.
    Only a few channels of k are not zero. Queries are projected to that basis once; then the
    product with all M elements costs O(N M (K + 3)) for K raw channels, instead of O(N M C). Keys
    and values are the same. See KeyValues.

    Args:
        raw: [B, Y X, K].
        rows: Position features of the rows, [Y, P].
        columns: Position features of the columns, [X, P].
        eps: Epsilon of the norm.
    """

    shared = True

    def __init__(self, raw: Tensor, rows: Tensor, columns: Tensor, eps: float) -> None:
        rows, columns = rows.to(raw), columns.to(raw)
        self.rows, self.columns = len(rows), len(columns)
        self.num_elements = self.rows * self.columns
        self.own = 1 + raw.shape[2]
        channels = raw.shape[2] + rows.shape[1]

        raw = raw.unflatten(1, (self.rows, self.columns))
        share = raw.shape[3] / channels
        variance, mean = torch.var_mean(raw, -1, correction=0)
        position_variance, position_mean = _of_sums(rows, columns)
        offset = mean - position_mean
        mean = position_mean + share * offset
        variance = share * variance + (1 - share) * (position_variance + share * offset.square())
        self.scale = (variance + eps).rsqrt()  # [B, Y, X]
        # The channels before the one-hots: [B, Y, X, 1 + K].
        self.values = torch.cat([mean.unsqueeze(-1), raw], -1) * self.scale.unsqueeze(-1)

        known = torch.block_diag(torch.eye(raw.shape[3]).to(raw), torch.cat([rows, columns]).T)
        self.basis = torch.cat([-torch.ones_like(known[:, :1]), known], 1)

    def slices(self) -> Iterator[slice]:
        """Whole rows at a time."""
        positions = POSITIONS if self.scale.device.type == "cpu" else POSITIONS_ON_GPU
        step = max(1, positions // (self.columns * len(self.scale)))
        for start in range(0, self.rows, step):
            stop = min(start + step, self.rows)
            yield slice(start * self.columns, stop * self.columns)

    def chunk(self, where: slice) -> GridRows:
        """See KeyValues."""
        return GridRows(self, slice(where.start // self.columns, where.stop // self.columns))

    def project_queries(self, queries: Tensor) -> Tensor:
        """See KeyValues."""
        return queries.to(self.basis) @ self.basis

    def project_sums(self, sums: Tensor) -> Tensor:
        """See KeyValues."""
        return sums @ self.basis.T


class GridRows:
    """Some rows of the grid. See KeyValueChunk."""

    def __init__(self, grid: GridKeyValues, rows: slice) -> None:
        self.sizes = [grid.own, grid.rows, grid.columns]
        self.rows = rows
        self.values = grid.values[:, rows].flatten(1, 2)  # [B, m, 1 + K]
        self.scale = grid.scale[:, None, rows]  # [B, 1, rows, X]

    def scores(self, queries: Tensor) -> Tensor:
        """See KeyValueChunk."""
        own, rows, columns = queries.flatten(1, 2).split(self.sizes, -1)
        found = (columns.unsqueeze(2) * self.scale).flatten(2)
        found = found.baddbmm_(own, self.values.mT).unflatten(2, self.scale.shape[2:])
        found.addcmul_(rows[:, :, self.rows, None], self.scale)
        joined: Tensor = found.flatten(2).unflatten(1, queries.shape[1:3])
        return joined

    def sums(self, weights: Tensor) -> Tensor:
        """See KeyValueChunk."""
        heads, weights = weights.shape[1:3], weights.flatten(1, 2)
        own = (self.values.mT @ weights.mT).mT  # three times as fast as weights @ values
        scaled = weights.unflatten(2, self.scale.shape[2:]) * self.scale
        rows = weights.new_zeros(*weights.shape[:2], self.sizes[1])
        rows[:, :, self.rows] = scaled.sum(-1)
        joined: Tensor = torch.cat([own, rows, scaled.sum(-2)], -1).unflatten(1, heads)
        return joined


def _of_sums(rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and mean over channels of row + column: [Y, P], [X, P] -> two of [Y, X]."""
    row, column = rows.mean(1, keepdim=True), columns.mean(1, keepdim=True)
    rows, columns = rows - row, columns - column
    squares = rows.square().mean(1, keepdim=True) + columns.square().mean(1)
    return squares + 2 / rows.shape[1] * rows @ columns.T, row + column.T
