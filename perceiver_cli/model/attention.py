"""Attention as the Perceiver uses it, and its blocks.

Shapes: byte array [B, M, C], latents [B, N, D], heads H. The residual structure and the names
follow DeepMind's perceiver.py (deepmind-research/perceiver).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.fixed import FixedPart, fix

# Elements of the byte array that are scored at once when no gradient is wanted: few enough for
# their scores to stay in a processor's cache.
CHUNK = 4096

# Scores [B, H, N, m] of the elements in a slice, in memory of their own.
Scorer = Callable[[slice], Tensor]


class Linear(nn.Linear):
    """A linear layer that computes in its weights' precision when that is a lower one."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> [..., out]."""
        return super().forward(x.bfloat16() if self.weight.dtype == torch.bfloat16 else x)


class AttentionWeights:
    """The softmax weights of one cross-attend, computed on demand chunk by chunk.

    queries: [B, H, N, c], scaled; keys: [B, H or 1, M, c]; log_norm: [B, H, N, 1], the log of each
    latent's sum of exponentials; scores: as attend has it. Nothing of size N x M is kept.
    """

    def __init__(
        self, queries: Tensor, keys: Tensor, log_norm: Tensor, scores: Scorer | None = None
    ) -> None:
        self.queries = queries
        self.keys = keys
        self.log_norm = log_norm
        self._scores = scores or product_scores(queries, keys)

    @property
    def elements(self) -> int:
        """M."""
        return self.keys.shape[2]

    def slices(self) -> Iterator[slice]:
        """The chunks of M, in order."""
        for start in range(0, self.elements, CHUNK):
            yield slice(start, min(start + CHUNK, self.elements))

    def logs(self, where: slice) -> Tensor:
        """Logarithms of the weights of the elements in `where`: [B, H, N, m]."""
        return self._scores(where).to(self.log_norm.dtype).sub_(self.log_norm)

    def part(self, where: slice) -> Tensor:
        """Weights [B, H, N, m] of the elements in `where`; over all slices they sum to 1."""
        return self.logs(where).exp_()


def product_scores(queries: Tensor, keys: Tensor) -> Scorer:
    """Scores as the product of queries [B, H, N, c] and keys [B, H or 1, M, c]."""
    return lambda where: queries @ keys[:, :, where].mT


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, scores: Scorer | None = None
) -> tuple[Tensor, Tensor | None]:
    """softmax(queries keys^T) values, and (without gradients) the log of the softmax's normaliser.

    queries: [B, H, N, c], scaled; keys: [B, H or 1, M, c]; values: [B, H or 1, M, v]; scores: of
    the same elements, where there is a quicker way to them than queries keys^T.
    Returns [B, H, N, v] and [B, H, N, 1]. With gradients the whole is one product; without,
    it streams over chunks of M with a running maximum and sum, in O(N (v + CHUNK)) memory.
    """
    elements = keys.shape[2]
    if torch.is_grad_enabled():
        return (queries @ keys.mT).softmax(-1) @ values, None

    scores = scores or product_scores(queries, keys)
    shape = (*queries.shape[:3], 1)
    top = torch.full(shape, -math.inf, dtype=queries.dtype, device=queries.device)
    # Sums over many elements: bfloat16 would stop growing.
    running = torch.promote_types(queries.dtype, torch.float32)
    total = torch.zeros(shape, dtype=running, device=queries.device)
    summed = total.new_zeros((*shape[:3], values.shape[-1]))
    for start in range(0, elements, CHUNK):
        where = slice(start, start + CHUNK)
        scored = scores(where)
        new_top = torch.maximum(top, scored.amax(-1, keepdim=True))
        weights = scored.sub_(new_top).exp_()
        shrink = (top - new_top).exp()
        total = total * shrink + weights.sum(-1, keepdim=True)
        summed = summed * shrink + weights @ values[:, :, where]
        top = new_top
    return summed / total, top + total.log()


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, N, H c] -> [B, H, N, c]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class MLP(nn.Module):
    """Two linear layers around a GELU: [..., D] -> [..., D], hidden widening x D."""

    def __init__(self, width: int, widening: int, gelu: str) -> None:
        super().__init__()
        self.expand = Linear(width, widening * width)
        self.contract = Linear(widening * width, width)
        self.approximate = "tanh" if gelu == "tanh" else "none"

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., D]."""
        return self.contract(functional.gelu(self.expand(x), approximate=self.approximate))


class SelfAttend(nn.Module):
    """One pre-norm block of the latent transformer: [B, N, D] -> [B, N, D]."""

    def __init__(self, width: int, heads: int, widening: int, gelu: str, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, eps)
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, widening, gelu)

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, N, D]. Plain products: at small N they beat the fused kernels on a CPU."""
        weights, values = self.weigh(latents)
        attended = (weights @ values).transpose(1, 2).flatten(2)
        latents = latents + self.out(attended)
        return latents + self.mlp(self.mlp_norm(latents))

    def weigh(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N, D] -> softmax weights [B, H, N, N] and values [B, H, N, D / H]."""
        queries, keys, values = (
            split_heads(part, self.heads) for part in self.qkv(self.norm(latents)).chunk(3, -1)
        )
        if keys.dtype == torch.bfloat16:
            # Its products are slow where a head's rows do not lie side by side.
            queries, keys, values = (part.contiguous() for part in (queries, keys, values))
        return (queries * queries.shape[-1] ** -0.5 @ keys.mT).softmax(-1), values


class CrossAttend(nn.Module):
    """The latents read the byte array: [B, N, D], [B, M, C] -> [B, N, D].

    The byte array comes in normalised but without the norm's scale and shift (`normalise`), which
    belong to the weights here: repeats with different weights then share one normalisation. With
    one head the key and value projections are folded into the query and the result:
        q . (W_k x + b_k) = (W_k^T q) . x + const,    sum p (W_v x + b_v) = W_v (sum p x) + b_v
    so nothing of size M x C is computed, and the constant cancels in the softmax.
    """

    def __init__(
        self,
        width: int,
        channels: int,
        heads: int,
        qk_channels: int,
        widening: int,
        gelu: str,
        eps: float,
        *,
        query_residual: bool = True,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.query_residual = query_residual
        qk = qk_channels or channels
        self.query_norm = nn.LayerNorm(width, eps)
        self.norm_scale = nn.Parameter(torch.ones(channels))
        self.norm_shift = nn.Parameter(torch.zeros(channels))
        self.query = Linear(width, qk)
        self.key = Linear(channels, qk)
        self.value = Linear(channels, qk)
        self.out = Linear(qk, width)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, widening, gelu)

    def forward(
        self,
        latents: Tensor,
        normalised: Tensor,
        *,
        fold: bool | None = None,
        scorer: Callable[[Tensor], Scorer] | None = None,
    ) -> tuple[Tensor, AttentionWeights | None]:
        """latents: [B, N, D]; normalised: [B, M, C]. Folds where there is one head.

        scorer: from folded queries [B, N, C] to the scores, where there is a quicker way.
        Returns the new latents and, unless gradients are recorded, the attention weights.
        """
        queries = self._queries(latents)
        if self.heads == 1 if fold is None else fold:
            attended, weights = self._read_folded(queries, normalised, scorer)
        else:
            attended, weights = self._read_plain(queries, normalised)
        update = self.out(attended)
        latents = latents + update if self.query_residual else update
        return latents + self.mlp(self.mlp_norm(latents)), weights

    def fix(self, latents: Tensor, positions: Tensor, eps: float) -> FixedPart:
        """What stays the same for latents [N, D] over positions [M, P], the last channels."""
        folded = self._folded(self._queries(latents))
        return fix(folded.float(), positions, eps, self.query.weight.dtype)

    def _queries(self, latents: Tensor) -> Tensor:
        queries = self.query(self.query_norm(latents))
        return queries * (queries.shape[-1] // self.heads) ** -0.5

    def _folded(self, queries: Tensor) -> Tensor:
        return queries @ self.key.weight * self.norm_scale

    def _read_folded(
        self, queries: Tensor, x: Tensor, scorer: Callable[[Tensor], Scorer] | None
    ) -> tuple[Tensor, AttentionWeights | None]:
        folded = self._folded(queries)
        asked, elements = folded.to(x.dtype).unsqueeze(1), x.unsqueeze(1)
        scores = scorer(folded) if scorer else None
        mean, log_norm = attend(asked, elements, elements, scores)
        attended = self.value(mean.squeeze(1) * self.norm_scale + self.norm_shift)
        return attended, _weights(asked, elements, log_norm, scores)

    def _read_plain(self, queries: Tensor, x: Tensor) -> tuple[Tensor, AttentionWeights | None]:
        x = x * self.norm_scale + self.norm_shift
        heads = split_heads(queries, self.heads)
        keys, values = (split_heads(part, self.heads) for part in (self.key(x), self.value(x)))
        attended, log_norm = attend(heads, keys, values)
        return attended.transpose(1, 2).flatten(2), _weights(heads, keys, log_norm)


def _weights(
    queries: Tensor, keys: Tensor, log_norm: Tensor | None, scores: Scorer | None = None
) -> AttentionWeights | None:
    return None if log_norm is None else AttentionWeights(queries, keys, log_norm, scores)


def normalise(x: Tensor, eps: float) -> Tensor:
    """LayerNorm over channels without scale and shift: [B, M, C] -> [B, M, C]."""
    return functional.layer_norm(x, x.shape[-1:], eps=eps)
