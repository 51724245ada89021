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

    def __call__(self, number: int, weights: AttentionWeights) -> None:
        """Measures one cross-attend in one pass over its elements."""
        self.measured.append(measure(weights, self._previous))
        self._previous = weights


def measure(weights: AttentionWeights, previous: AttentionWeights | None) -> Measured:
    """The figures of one cross-attend; `previous` is the one before it, for the drift."""
    comparable = previous is not None and previous.queries.shape[1] == weights.queries.shape[1]
    entropy, divergence = weights.entropy, None
    told = entropy is not None
    # One array: small ones that stay, between large ones that go, would leave holes in memory.
    mass = weights.peak.new_empty(len(weights.peak), weights.elements, dtype=torch.float32)
    for where in weights.slices():
        logs = weights.logs(where)
        part = logs.exp()
        mass[:, where] = part.mean((1, 2))
        if told and not comparable:
            continue
        own = -logs.mul_(part).sum(-1)
        if not told:
            entropy = _add(entropy, own)
        if comparable:
            before = previous.part(where)
            joint = _entropy((part + before) / 2)
            divergence = _add(divergence, joint - (own + _entropy(before)) / 2)
    entropy = entropy / math.log(2)
    return Measured(
        entropy_bits=entropy.mean((1, 2)),
        effective=entropy.exp2().mean((1, 2)),
        peak=weights.peak.mean((1, 2)),
        drift_bits=divergence.clamp_min(0).mean((1, 2)) / math.log(2) if comparable else None,
        mass=mass,
    )


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


def _entropy(part: Tensor) -> Tensor:
    """Nats contributed by these elements: [B, H, N, m] -> [B, H, N]."""
    return -(part * part.clamp_min(_TINY).log()).sum(-1)


def _add(total: Tensor | None, more: Tensor) -> Tensor:
    return more if total is None else total + more
