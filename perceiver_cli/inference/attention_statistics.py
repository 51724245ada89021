"""Attention statistics, computed as the model runs and without keeping any N x M array.

Definitions (averaged over heads and latents): entropy of each latent's distribution over the M
elements in bits; effective elements 2^entropy; peak, the largest weight; drift, the Jensen-Shannon
divergence from the same latent's distribution in the previous cross-attend, in bits. From the
distribution averaged over heads and latents, the "map": its effective elements, share of mass on
the heaviest 1 % of the elements, share per stream, and the heaviest regions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.model.attention import AttentionWeights
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import AttentionStats, CrossAttendStats

_TINY = 1e-30


@dataclass(frozen=True)
class Measured:
    """Figures of one cross-attend for a batch: each [B]; mass: [B, M], float32."""

    entropy_bits: Tensor
    effective: Tensor
    peak: Tensor
    drift_bits: Tensor | None
    mass: Tensor


class AttentionWatch:
    """Give it to Perceiver.forward as `watch`; `measured` then has one entry per cross-attend."""

    def __init__(self) -> None:
        self.measured: list[Measured] = []
        self._previous: AttentionWeights | None = None
        self._entropy: Tensor | None = None

    def __call__(self, number: int, weights: AttentionWeights) -> None:
        """Measures one cross-attend in one pass over its elements."""
        previous = self._previous
        if previous is not None and previous.queries.shape[1] != weights.queries.shape[1]:
            previous = None  # with other heads there is nothing to compare
        entropy, mass, joint = _totals(weights, previous)
        drift = None
        if previous is not None:
            drift = (joint - (entropy + self._entropy) / 2).clamp_min(0) / math.log(2)
        bits = entropy / math.log(2)
        self.measured.append(
            Measured(
                entropy_bits=bits.mean((1, 2)),
                effective=bits.exp2().mean((1, 2)),
                peak=weights.peak.mean((1, 2)),
                drift_bits=None if drift is None else drift.mean((1, 2)),
                mass=mass,
            )
        )
        self._previous, self._entropy = weights, entropy


def _totals(
    weights: AttentionWeights, previous: AttentionWeights | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Entropies [B, H, N] in nats, mass [B, M], and entropies of the mean with the previous."""
    told = weights.entropy is not None
    entropy, both = weights.entropy if told else 0.0, 0.0
    # One array: small ones that stay, between large ones that go, would leave holes in memory.
    mass = weights.peak.new_empty(len(weights.peak), weights.elements, dtype=torch.float32)
    for where in weights.slices():
        logs = weights.logs(where)
        if told:
            part = logs.exp_()
        else:
            part = logs.exp()
            entropy = entropy - logs.mul_(part).sum(-1)
        mass[:, where] = part.mean((1, 2))
        if previous is not None:
            other = previous.part(where)
            part += other
            both = both + torch.clamp_min(part, _TINY, out=other).log_().mul_(part).sum(-1)
    # The mean of two distributions that add up to s: -sum s/2 log(s/2) = log 2 - sum(s log s) / 2.
    return entropy, mass, None if previous is None else math.log(2) - both / 2


def summarise(
    measured: list[Measured], row: int, adapter: Adapter, window: Window, sizes: dict[str, int]
) -> AttentionStats:
    """The statistics of one item of a batch, with regions in natural coordinates.

    sizes: elements of each stream, in the order in which they lie along M.
    """
    return AttentionStats([_one(m, row, adapter, window, sizes) for m in measured])


def _one(
    measured: Measured, row: int, adapter: Adapter, window: Window, sizes: dict[str, int]
) -> CrossAttendStats:
    mass = measured.mass[row].numpy().astype(np.float64)
    heaviest = max(1, math.ceil(len(mass) / 100))
    share, focus = {}, []
    start = 0
    for stream, size in sizes.items():
        own = mass[start : start + size]
        share[stream] = round(float(own.sum()), 4)
        focus += adapter.focus(stream, own, window)
        start += size
    drift = None if measured.drift_bits is None else round(float(measured.drift_bits[row]), 4)
    return CrossAttendStats(
        entropy_bits=round(float(measured.entropy_bits[row]), 3),
        effective_elements=round(float(measured.effective[row]), 1),
        peak=round(float(measured.peak[row]), 5),
        mass_top_1pct=round(float(np.partition(mass, -heaviest)[-heaviest:].sum()), 4),
        drift_bits=drift,
        share=share,
        focus=sorted(focus, key=lambda f: -f.mass)[:4],
        effective_together=round(float(2 ** -(mass * np.log2(mass.clip(_TINY))).sum()), 1),
    )
