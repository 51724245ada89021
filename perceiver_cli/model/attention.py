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

from perceiver_cli.model import reading
from perceiver_cli.model.elements import Elements, themselves
from perceiver_cli.model.reading import KeysAndValues, Reading


class AttentionWeights:
    """The softmax weights of one cross-attend, computed on demand part by part.

    queries: [B, H, N, c], as `read` takes them; log_norm: [B, H, N, 1], the log of each latent's
    sum of exponentials; peak: [B, H, N], its largest weight; entropy: [B, H, N] in nats, or None
    where nobody asked for it; whole: the weights [B, H, N, M], where they are few enough to be
    computed at once and somebody watches. Nothing else of size N x M is kept.
    """

    def __init__(
        self,
        queries: Tensor,
        read: Reading,
        log_norm: Tensor,
        peak: Tensor,
        entropy: Tensor | None,
        whole: Tensor | None = None,
    ) -> None:
        self.queries = queries
        self.read = read
        self.log_norm = log_norm
        self.peak = peak
        self.entropy = entropy
        self.whole = whole

    @property
    def elements(self) -> int:
        """M."""
        return self.read.elements

    def slices(self) -> Iterator[slice]:
        """The parts of M, in order."""
        return self.read.slices()

    def part(self, where: slice) -> Tensor:
        """Weights [B, H, N, m] of the elements in `where`; over all slices they sum to 1.

        Not to be written to: it may be a part of `whole`.
        """
        if self.whole is not None:
            return self.whole[..., where]
        scores = self.read.part(where).scores(self.queries)
        return scores.to(self.log_norm.dtype).sub_(self.log_norm).exp_()


def attend(
    queries: Tensor, read: Reading, *, watched: bool = False
) -> tuple[Tensor, AttentionWeights | None]:
    """softmax(queries keys^T) values: [B, H, N, c], scaled -> [B, H, N, v]; and the weights.

    With gradients the whole is one product, and there are no weights; without, it streams over
    parts of M with a running maximum and sum, in O(N (v + CHUNK)) memory. watched: the weights
    tell their entropy, and are kept if M is no more than a part.
    """
    asked = read.ask(queries)
    if torch.is_grad_enabled():
        part = read.part(slice(0, read.elements))
        return read.answer(part.sums(part.scores(asked).softmax(-1))), None

    shape = (*queries.shape[:3], 1)
    top = torch.full(shape, -math.inf, dtype=asked.dtype, device=asked.device)
    # Sums over many elements: bfloat16 would stop growing.
    running = torch.promote_types(asked.dtype, torch.float32)
    total = torch.zeros(shape, dtype=running, device=asked.device)
    summed: Tensor | float = 0.0
    scored: Tensor | float = 0.0
    slices = list(read.slices())
    for where in slices:
        part = read.part(where)
        scores = part.scores(asked)
        new_top = torch.maximum(top, scores.amax(-1, keepdim=True))
        scores.sub_(new_top)
        weights = scores.exp() if watched and not read.same else scores.exp_()
        shrink = (top - new_top).exp()
        here = weights.sum(-1, keepdim=True)
        total = total * shrink + here
        summed = summed * shrink + part.sums(weights).to(running)
        if watched and not read.same:
            own = scores.mul_(weights).sum(-1, keepdim=True) + new_top * here
            scored = scored * shrink + own.to(running)
        top = new_top
    mean, log_norm = summed / total, top + total.log()
    peak = total.reciprocal()  # the largest exponential is 1
    entropy = whole = None
    if watched:
        score = (asked * mean).sum(-1, keepdim=True) if read.same else scored / total
        entropy = (log_norm - score).squeeze(-1).clamp_min_(0)
        if len(slices) == 1:
            whole = weights.to(running).mul_(peak)
    found = AttentionWeights(asked, read, log_norm, peak.squeeze(-1), entropy, whole)
    return read.answer(mean), found


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, N, H c] -> [B, H, N, c]."""
    split: Tensor = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return split


class MLP(nn.Module):
    """Two linear layers around a GELU: [..., D] -> [..., D], hidden widening x D."""

    def __init__(self, width: int, widening: int, gelu: str) -> None:
        super().__init__()
        self.expand = nn.Linear(width, widening * width)
        self.contract = nn.Linear(widening * width, width)
        self.approximate = "tanh" if gelu == "tanh" else "none"

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., D]."""
        found: Tensor = self.contract(functional.gelu(self.expand(x), approximate=self.approximate))
        return found


class QueriesKeysValues(nn.Linear):
    """One linear layer for the queries, keys and values of all heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, 3 * width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, N, D] -> [3, B, H, N, D / H]."""
        return split_qkv(super().forward(x), self.heads)


def split_qkv(x: Tensor, heads: int) -> Tensor:
    """[B, N, 3 D] -> [3, B, H, N, D / H]."""
    parts: Tensor = x.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    # Products in bfloat16 are slow where a head's rows do not lie side by side.
    return parts.contiguous() if x.dtype == torch.bfloat16 else parts


class SelfAttend(nn.Module):
    """One pre-norm block of the latent transformer: [B, N, D] -> [B, N, D]."""

    def __init__(self, width: int, heads: int, widening: int, gelu: str, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps)
        self.qkv = QueriesKeysValues(width, heads)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, widening, gelu)

    def forward(self, latents: Tensor) -> Tensor:
        """latents: [B, N, D]. Plain products: at small N they beat the fused kernels on a CPU."""
        weights, values = self.weigh(latents)
        attended = (weights @ values).transpose(1, 2).flatten(2)
        latents = latents + self.out(attended)
        found: Tensor = latents + self.mlp(self.mlp_norm(latents))
        return found

    def weigh(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N, D] -> softmax weights [B, H, N, N] and values [B, H, N, D / H]."""
        queries, keys, values = self.qkv(self.norm(latents))
        return (queries * queries.shape[-1] ** -0.5 @ keys.mT).softmax(-1), values


class CrossAttend(nn.Module):
    """The latents read the byte array: [B, N, D], [B, M, C] -> [B, N, D].

    The byte array comes in normalised but without the norm's scale and shift (`normalise`), which
    belong to the weights here: repeats with different weights then share one normalisation. The
    key and value projections of each head can be folded into the query and the result:
        q . (W_k x + b_k) = (W_k^T q) . x + const,    sum p (W_v x + b_v) = W_v (sum p x) + b_v
    so nothing of size M x C is computed, and the constant cancels in the softmax. That is less
    work where all heads' queries together are few.
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
        self.qk_channels = qk = qk_channels or channels
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
        self,
        latents: Tensor,
        x: Tensor | Elements,
        *,
        fold: bool | None = None,
        watched: bool = False,
    ) -> tuple[Tensor, AttentionWeights | None]:
        """latents: [B, N, D]; x: normalised [B, M, C]. Folds where that is less work.

        Returns the new latents and, unless gradients are recorded, the attention weights.
        watched: see `attend`.
        """
        queries = self.query(self.query_norm(latents))
        queries = queries * (queries.shape[-1] // self.heads) ** -0.5
        fold = self.folds(latents.shape[1]) if fold is None else fold
        read = self._read_folded if fold else self._read_plain
        attended, weights = read(queries, x, watched)
        update = self.out(attended)
        latents = latents + update if self.query_residual else update
        return latents + self.mlp(self.mlp_norm(latents)), weights

    def folds(self, latents: int) -> bool:
        """Whether folding is less work for that many latents: always with one head of C channels.

        An element costs 2 H N C products folded, and 2 (C + N) c else, c the channels of keys and
        of values over all heads.
        """
        channels = len(self.norm_scale)
        return self.heads * latents * channels <= (channels + latents) * self.qk_channels

    def _read_folded(
        self, queries: Tensor, x: Tensor | Elements, watched: bool
    ) -> tuple[Tensor, AttentionWeights | None]:
        # The norm's scale and shift go into the weights, which are smaller than what they act on.
        key, value = (
            (layer.weight * self.norm_scale).to(layer.weight.dtype).unflatten(0, (self.heads, -1))
            for layer in (self.key, self.value)
        )
        heads = queries.to(key.dtype).unflatten(-1, (self.heads, -1))
        folded = torch.einsum("bnhc,hcx->bhnx", heads, key)
        mean, weights = attend(folded, themselves(x), watched=watched)
        attended = torch.einsum("bhnx,hcx->bnhc", mean.to(value.dtype), value).flatten(2)
        attended = attended + (
            self.value.weight @ self.norm_shift.to(value.dtype) + self.value.bias
        )
        return attended, weights

    def _read_plain(
        self, queries: Tensor, x: Tensor | Elements, watched: bool
    ) -> tuple[Tensor, AttentionWeights | None]:
        def chunk(where: slice) -> tuple[Tensor, Tensor]:
            part = x[:, where] * self.norm_scale + self.norm_shift
            key, value = self.key(part), self.value(part)
            # Side by side, for keys are read transposed, and once more for statistics.
            return split_heads(key, self.heads).contiguous(), split_heads(value, self.heads)

        elements = x.shape[1]
        if torch.is_grad_enabled() or elements <= reading.CHUNK:
            read = KeysAndValues.of(*chunk(slice(0, elements)))  # once, statistics included
        else:
            read = KeysAndValues(elements, queries.dtype, chunk)
        attended, weights = attend(split_heads(queries, self.heads), read, watched=watched)
        return attended.transpose(1, 2).flatten(2), weights
