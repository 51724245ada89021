"""What a cross-attend need not compute anew for every input.

The first cross-attend's queries come from the learned latents alone, and on a fixed grid the
position channels are the same for every input: their part of the scores is a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FixedPart:
    """The constants of one cross-attend over one grid whose last P channels are positions.

    scores: [N, M], what the positions add to q . x before the norm; sums, squares: float32 [M], of
    the positions' channels; channels: P; eps: of the norm.
    """

    scores: Tensor
    sums: Tensor
    squares: Tensor
    channels: int
    eps: float

    def scorer(self, queries: Tensor, x: Tensor) -> FixedScores:
        """How the elements of these inputs score: see FixedScores."""
        return FixedScores(self, queries, x)


def fix(queries: Tensor, positions: Tensor, eps: float, dtype: torch.dtype) -> FixedPart:
    """queries: float32 [N, C], folded; positions: float32 [M, P]; dtype: of the scores kept."""
    channels = positions.shape[-1]
    return FixedPart(
        scores=(queries[:, -channels:] @ positions.mT).to(dtype),
        sums=positions.sum(-1),
        squares=positions.square().sum(-1),
        channels=channels,
        eps=eps,
    )


class FixedScores:
    """Scores of the elements of inputs x [B, M, C], not normalised, for queries [B, N, C].

    The norm of an element is (x - mean) scale, so its score is
        q . norm(x) = scale (fixed + q_values . values - mean sum(q)):
    a product over the few channels that are not positions, and one more for the mean.
    """

    def __init__(self, fixed: FixedPart, queries: Tensor, x: Tensor) -> None:
        own = x.shape[-1] - fixed.channels
        values = x[..., :own].float()
        mean = (values.sum(-1) + fixed.sums) / x.shape[-1]
        square = (values.square().sum(-1) + fixed.squares) / x.shape[-1]
        scale = (square - mean.square()).clamp_min(0).add(fixed.eps).rsqrt()
        dtype = fixed.scores.dtype
        asked = torch.cat([queries[..., :own], -queries.sum(-1, keepdim=True)], -1)
        given = torch.cat([values, mean.unsqueeze(-1)], -1) * scale.unsqueeze(-1)
        self.fixed = fixed
        self.asked = asked.to(dtype)
        self.given = given.mT.to(dtype)
        self.scale = scale.unsqueeze(1).to(dtype)

    def __call__(self, where: slice) -> Tensor:
        """[B, 1, N, m], in memory of their own."""
        known = self.fixed.scores[:, where] * self.scale[..., where]
        return torch.baddbmm(known, self.asked, self.given[..., where]).unsqueeze(1)
