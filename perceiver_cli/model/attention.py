"""Cross-attends and self-attends of the Perceiver.

Shapes: byte array [B, M, C], latents [B, N, D], heads H. The residual structure and the names
follow DeepMind's perceiver.py (deepmind-research/perceiver).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model import keys_values
from perceiver_cli.model.byte_array import NormalisedByteArray, as_keys_and_values
from perceiver_cli.model.keys_values import ChunkedKeyValues, KeyValues


class AttentionWeights:
    """The softmax weights of one cross-attend, computed chunk by chunk when they are read.

    The N x M weights are not kept unless `whole` is set.

    Attributes:
        queries: [B, H, N, c], projected for `key_values`.
        key_values: Keys and values of the M elements.
        log_norm: [B, H, N, 1], the log of each latent's sum of exponentials.
        peak: [B, H, N], each latent's largest weight.
        entropy: [B, H, N] in nats; None if it was not requested.
        whole: The weights [B, H, N, M], if they were requested and fit into one chunk.
    """

    def __init__(
        self,
        queries: Tensor,
        key_values: KeyValues,
        log_norm: Tensor,
        peak: Tensor,
        entropy: Tensor | None,
        whole: Tensor | None = None,
    ) -> None:
        self.queries = queries
        self.key_values = key_values
        self.log_norm = log_norm
        self.peak = peak
        self.entropy = entropy
        self.whole = whole

    @property
    def num_elements(self) -> int:
        """M."""
        return self.key_values.num_elements

    def slices(self) -> Iterator[slice]:
        """The slices of M that the chunks are of, in order."""
        return self.key_values.slices()

    def chunk(self, where: slice) -> Tensor:
        """Weights [B, H, N, m] of the elements in `where`; over all slices they sum to 1.

        Read only: it may be a view of `whole`.
        """
        if self.whole is not None:
            return self.whole[..., where]
        scores = self.key_values.chunk(where).scores(self.queries)
        return scores.to(self.log_norm.dtype).sub_(self.log_norm).exp_()


def attend(
    queries: Tensor, key_values: KeyValues, *, watched: bool = False
) -> tuple[Tensor, AttentionWeights | None]:
    """softmax(queries keys^T) values (2021 paper, section 3.1).

    While gradients are recorded this is one product, and no weights are returned. Otherwise it
    streams over chunks of M with a running maximum and sum, in O(N (v + CHUNK)) memory.

    Args:
        queries: [B, H, N, c], multiplied by c ** -0.5 before.
        key_values: Keys and values of the M elements.
        watched: Whether to compute the entropy of the weights, and to keep them if M fits into one
            chunk.

    Returns:
        [B, H, N, v], and the weights.
    """
    queries = key_values.project_queries(queries)
    if torch.is_grad_enabled():
        chunk = key_values.chunk(slice(0, key_values.num_elements))
        return key_values.project_sums(chunk.sums(chunk.scores(queries).softmax(-1))), None

    shape = (*queries.shape[:3], 1)
    maximum = torch.full(shape, -math.inf, dtype=queries.dtype, device=queries.device)
    # A long sum in bfloat16 would stop growing.
    precise = torch.promote_types(queries.dtype, torch.float32)
    total = torch.zeros(shape, dtype=precise, device=queries.device)
    value_sum: Tensor | float = 0.0
    score_sum: Tensor | float = 0.0
    slices = list(key_values.slices())
    for where in slices:
        chunk = key_values.chunk(where)
        scores = chunk.scores(queries)
        new_maximum = torch.maximum(maximum, scores.amax(-1, keepdim=True))
        scores.sub_(new_maximum)
        weights = scores.exp() if watched and not key_values.shared else scores.exp_()
        rescale = (maximum - new_maximum).exp()
        chunk_total = weights.sum(-1, keepdim=True)
        total = total * rescale + chunk_total
        value_sum = value_sum * rescale + chunk.sums(weights).to(precise)
        if watched and not key_values.shared:
            chunk_score = scores.mul_(weights).sum(-1, keepdim=True) + new_maximum * chunk_total
            score_sum = score_sum * rescale + chunk_score.to(precise)
        maximum = new_maximum
    mean, log_norm = value_sum / total, maximum + total.log()
    peak = total.reciprocal()  # the largest exponential is 1
    entropy = whole = None
    if watched:
        shared = key_values.shared
        score = (queries * mean).sum(-1, keepdim=True) if shared else score_sum / total
        entropy = (log_norm - score).squeeze(-1).clamp_min_(0)
        if len(slices) == 1:
            whole = weights.to(precise).mul_(peak)
    found = AttentionWeights(queries, key_values, log_norm, peak.squeeze(-1), entropy, whole)
    return key_values.project_sums(mean), found


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, N, H c] -> [B, H, N, c]."""
    split: Tensor = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return split


class MLP(nn.Module):
    """Two linear layers around a GELU: [..., D] -> [..., D].

    Args:
        width: D.
        widening: Hidden units over D.
        gelu: "erf" or "tanh", see PerceiverConfig.
    """

    def __init__(self, width: int, *, widening: int, gelu: str) -> None:
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
    # Products in bfloat16 are slow unless a head's rows are contiguous.
    return parts.contiguous() if x.dtype == torch.bfloat16 else parts


class SelfAttend(nn.Module):
    """One pre-norm block of the latent transformer: [B, N, D] -> [B, N, D].

    Args:
        width: D of the latents.
        heads: Attention heads.
        widening: Hidden units of the MLP over D.
        gelu: "erf" or "tanh", see PerceiverConfig.
        eps: Epsilon of the norms.
    """

    def __init__(self, width: int, *, heads: int, widening: int, gelu: str, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps)
        self.qkv = QueriesKeysValues(width, heads)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, widening=widening, gelu=gelu)

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
    """A cross-attend of the latents to the byte array: [B, N, D], [B, M, C] -> [B, N, D].

    The byte array is normalised (`normalise`) before; the norm's scale and shift are parameters of
    this module, so that iterations with different weights share one normalisation. The key and
    value projections of each head can be folded into the query and the result:
        q . (W_k x + b_k) = (W_k^T q) . x + const,    sum p (W_v x + b_v) = W_v (sum p x) + b_v
    Then nothing of size M x C is computed, and the constant cancels in the softmax. That is less
    work if the queries of all heads together are few.

    Args:
        width: D of the latents.
        channels: C of the byte array.
        heads: Attention heads.
        qk_channels: Channels of the keys, and of the values, over all heads; 0: C.
        widening: Hidden units of the MLP over D.
        gelu: "erf" or "tanh", see PerceiverConfig.
        eps: Epsilon of the norms of latents; that of the byte array is `normalise`'s.
        query_residual: Whether the latents are added to what they read.
    """

    def __init__(
        self,
        width: int,
        *,
        channels: int,
        heads: int,
        qk_channels: int,
        widening: int,
        gelu: str,
        eps: float,
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
        self.mlp = MLP(width, widening=widening, gelu=gelu)

    def forward(
        self,
        latents: Tensor,
        x: Tensor | NormalisedByteArray,
        *,
        fold: bool | None = None,
        watched: bool = False,
    ) -> tuple[Tensor, AttentionWeights | None]:
        """One cross-attend, with the MLP after it.

        Args:
            latents: [B, N, D].
            x: The normalised byte array [B, M, C].
            fold: Whether to fold the projections; None: fold if that is less work.
            watched: See `attend`.

        Returns:
            The new latents [B, N, D] and, unless gradients are recorded, the attention weights.
        """
        queries = self.query(self.query_norm(latents))
        queries = queries * (queries.shape[-1] // self.heads) ** -0.5
        fold = self.folds(latents.shape[1]) if fold is None else fold
        attend_to = self._attend_folded if fold else self._attend_plain
        attended, weights = attend_to(queries, x, watched)
        update = self.out(attended)
        latents = latents + update if self.query_residual else update
        return latents + self.mlp(self.mlp_norm(latents)), weights

    def folds(self, latents: int) -> bool:
        """Whether folding is less work for that many latents; true with one head of C channels.

        An element costs 2 H N C multiplications with folding and 2 (C + N) c without, where c is
        the number of channels of the keys, and of the values, over all heads.
        """
        channels = len(self.norm_scale)
        return self.heads * latents * channels <= (channels + latents) * self.qk_channels

    def _attend_folded(
        self, queries: Tensor, x: Tensor | NormalisedByteArray, watched: bool
    ) -> tuple[Tensor, AttentionWeights | None]:
        # The norm's scale is applied to the weights, which are smaller than the elements.
        key, value = (
            (layer.weight * self.norm_scale).to(layer.weight.dtype).unflatten(0, (self.heads, -1))
            for layer in (self.key, self.value)
        )
        heads = queries.to(key.dtype).unflatten(-1, (self.heads, -1))
        folded = torch.einsum("bnhc,hcx->bhnx", heads, key)
        mean, weights = attend(folded, as_keys_and_values(x), watched=watched)
        attended = torch.einsum("bhnx,hcx->bnhc", mean.to(value.dtype), value).flatten(2)
        attended = attended + (
            self.value.weight @ self.norm_shift.to(value.dtype) + self.value.bias
        )
        return attended, weights

    def _attend_plain(
        self, queries: Tensor, x: Tensor | NormalisedByteArray, watched: bool
    ) -> tuple[Tensor, AttentionWeights | None]:
        def compute(where: slice) -> tuple[Tensor, Tensor]:
            chunk = x[:, where] * self.norm_scale + self.norm_shift
            key, value = self.key(chunk), self.value(chunk)
            # Contiguous: keys are read transposed, and a second time for statistics.
            return split_heads(key, self.heads).contiguous(), split_heads(value, self.heads)

        num_elements = x.shape[1]
        if torch.is_grad_enabled() or num_elements <= keys_values.CHUNK:
            # Statistics included, which would compute the keys again.
            key_values = ChunkedKeyValues.of(*compute(slice(0, num_elements)))
        else:
            key_values = ChunkedKeyValues(num_elements, queries.dtype, compute)
        attended, weights = attend(split_heads(queries, self.heads), key_values, watched=watched)
        return attended.transpose(1, 2).flatten(2), weights
