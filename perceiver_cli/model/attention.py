"""Attention as the Perceiver uses it, and its blocks.

Shapes: byte array [B, M, C], latents [B, N, D], heads H. The residual structure and the names
follow DeepMind's perceiver.py (deepmind-research/perceiver).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

# Elements of the byte array that are scored at once when no gradient is wanted.
CHUNK = 16384


class AttentionWeights:
    """The softmax weights of one cross-attend, computed on demand chunk by chunk.

    queries: [B, H, N, c], scaled; keys: [B, H or 1, M, c]; log_norm: [B, H, N, 1], the log of each
    latent's sum of exponentials. Nothing of size N x M is kept.
    """

    def __init__(self, queries: Tensor, keys: Tensor, log_norm: Tensor) -> None:
        self.queries = queries
        self.keys = keys
        self.log_norm = log_norm

    @property
    def elements(self) -> int:
        """M."""
        return self.keys.shape[2]

    def slices(self) -> Iterator[slice]:
        """The chunks of M, in order."""
        for start in range(0, self.elements, CHUNK):
            yield slice(start, min(start + CHUNK, self.elements))

    def part(self, where: slice) -> Tensor:
        """Weights [B, H, N, m] of the elements in `where`; over all slices they sum to 1."""
        return torch.exp(self.queries @ self.keys[:, :, where].mT - self.log_norm)


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor | None]:
    """softmax(queries keys^T) values, and (without gradients) the log of the softmax's normaliser.

    queries: [B, H, N, c], scaled; keys: [B, H or 1, M, c]; values: [B, H or 1, M, v].
    Returns [B, H, N, v] and [B, H, N, 1]. With gradients the whole is one product; without,
    it streams over chunks of M with a running maximum and sum, in O(N (v + CHUNK)) memory.
    """
    elements = keys.shape[2]
    if torch.is_grad_enabled():
        return (queries @ keys.mT).softmax(-1) @ values, None

    top = queries.new_full((*queries.shape[:3], 1), -math.inf)
    total = torch.zeros_like(top)
    summed = queries.new_zeros((*queries.shape[:3], values.shape[-1]))
    for start in range(0, elements, CHUNK):
        where = slice(start, start + CHUNK)
        scores = queries @ keys[:, :, where].mT
        new_top = torch.maximum(top, scores.amax(-1, keepdim=True))
        weights = scores.sub_(new_top).exp_()
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
        self.expand = nn.Linear(width, widening * width)
        self.contract = nn.Linear(widening * width, width)
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
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
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
        self.query = nn.Linear(width, qk)
        self.key = nn.Linear(channels, qk)
        self.value = nn.Linear(channels, qk)
        self.out = nn.Linear(qk, width)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, widening, gelu)

    def forward(
        self, latents: Tensor, normalised: Tensor, *, fold: bool | None = None
    ) -> tuple[Tensor, AttentionWeights | None]:
        """latents: [B, N, D]; normalised: [B, M, C]. Folds where there is one head.

        Returns the new latents and, unless gradients are recorded, the attention weights.
        """
        queries = self.query(self.query_norm(latents))
        queries = queries * (queries.shape[-1] // self.heads) ** -0.5
        folded = self.heads == 1 if fold is None else fold
        read = self._read_folded if folded else self._read_plain
        attended, weights = read(queries, normalised)
        update = self.out(attended)
        latents = latents + update if self.query_residual else update
        return latents + self.mlp(self.mlp_norm(latents)), weights

    def _read_folded(self, queries: Tensor, x: Tensor) -> tuple[Tensor, AttentionWeights | None]:
        folded_queries = (queries @ self.key.weight * self.norm_scale).unsqueeze(1)
        elements = x.unsqueeze(1)
        mean, log_norm = attend(folded_queries, elements, elements)
        attended = self.value(mean.squeeze(1) * self.norm_scale + self.norm_shift)
        return attended, _weights(folded_queries, elements, log_norm)

    def _read_plain(self, queries: Tensor, x: Tensor) -> tuple[Tensor, AttentionWeights | None]:
        x = x * self.norm_scale + self.norm_shift
        heads = split_heads(queries, self.heads)
        keys, values = (split_heads(part, self.heads) for part in (self.key(x), self.value(x)))
        attended, log_norm = attend(heads, keys, values)
        return attended.transpose(1, 2).flatten(2), _weights(heads, keys, log_norm)


def _weights(queries: Tensor, keys: Tensor, log_norm: Tensor | None) -> AttentionWeights | None:
    return None if log_norm is None else AttentionWeights(queries, keys, log_norm)


def normalise(x: Tensor, eps: float) -> Tensor:
    """LayerNorm over channels without scale and shift: [B, M, C] -> [B, M, C]."""
    return functional.layer_norm(x, x.shape[-1:], eps=eps)
