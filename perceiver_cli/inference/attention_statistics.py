"""Attention statistics, computed during the forward pass, without an N x M array for a large M.

Definitions (averaged over heads and latents): entropy of each latent's distribution over the M
elements in bits; effective elements 2^entropy; peak, the largest weight; drift, the Jensen-Shannon
divergence from the same latent's distribution in the previous cross-attend, in bits. From the
distribution averaged over heads and latents, the "map": its effective elements, share of mass on
the heaviest 1 % of the elements, share per stream, and the heaviest regions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.model.attention import AttentionWeights
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import AttentionStats, CrossAttendStats, Focus

_TINY = 1e-30


@dataclass(frozen=True)
class CrossAttendFigures:
    """Figures of one cross-attend for a batch; the module docstring defines them.

    Attributes:
        entropy_bits: Mean entropy of a latent's distribution in bits, [B].
        effective: Effective elements of a latent, [B].
        peak: Mean of the latents' largest weights, [B].
        drift_bits: Mean divergence from the cross-attend before in bits, [B]; None for the first.
        mass: The distribution averaged over heads and latents, float32 [B, M].
    """

    entropy_bits: Tensor
    effective: Tensor
    peak: Tensor
    drift_bits: Tensor | None
    mass: Tensor


class AttentionRecorder:
    """Measures attention during a forward pass: the argument `watch` of Perceiver.forward.

    `measured` then has one entry per cross-attend.
    """

    def __init__(self) -> None:
        self._entropies: list[Tensor] = []
        self._peaks: list[Tensor] = []
        self._masses: list[Tensor] = []
        self._mixed: list[Tensor] = []
        self._previous: AttentionWeights | None = None

    def __call__(self, number: int, weights: AttentionWeights) -> None:
        """Measures one cross-attend in one pass over its elements."""
        assert weights.entropy is not None, "attended without being watched"
        mass, mixed = _totals(weights, self._previous)
        self._entropies.append(weights.entropy)
        self._peaks.append(weights.peak)
        self._masses.append(mass)
        if mixed is not None:
            self._mixed.append(mixed)
        self._previous = weights

    @property
    def measured(self) -> list[CrossAttendFigures]:
        """The figures of every cross-attend measured until now, in order."""
        if not self._masses:
            return []
        bits = torch.stack(self._entropies) / math.log(2)  # [K, B, H, N]
        entropy = bits.mean((2, 3))
        effective, peak = bits.exp2().mean((2, 3)), torch.stack(self._peaks).mean((2, 3))
        drift: list[Tensor | None] = [None]
        if self._mixed:
            # The mean of two distributions that add up to s has the entropy
            # -sum s/2 log(s/2) = log 2 - sum(s log s) / 2.
            mixed = 1 - torch.stack(self._mixed) / (2 * bits[0, 0].numel() * math.log(2))
            drift += (mixed - (entropy[1:] + entropy[:-1]) / 2).clamp_min(0).unbind()
        columns = zip(entropy, effective, peak, drift, self._masses, strict=True)
        return [CrossAttendFigures(*figures) for figures in columns]


def _totals(
    weights: AttentionWeights, previous: AttentionWeights | None
) -> tuple[Tensor, Tensor | None]:
    """Mass [B, M]; and of s, the sum of the weights and the previous ones, sum(s log s): [B]."""
    batch = len(weights.peak)
    # One array: small ones that are kept, between large ones that are freed, fragment memory.
    mass = weights.peak.new_empty(batch, weights.num_elements, dtype=torch.float32)
    mixed = weights.peak.new_zeros(batch)
    for where in weights.slices():
        chunk = weights.chunk(where)
        mass[:, where] = chunk.mean((1, 2))
        if previous is not None:
            summed = (chunk + previous.chunk(where)).clamp_min_(_TINY)
            mixed += summed.mul_(_log(summed)).flatten(1).sum(1)
    return mass, None if previous is None else mixed


def _log(x: Tensor) -> Tensor:
    if x.device.type != "cpu":
        return x.log()
    return torch.from_numpy(np.log(x.numpy()))  # takes two fifths of the time of torch.log


def summarise(
    measured: list[CrossAttendFigures],
    adapter: Adapter,
    windows: list[Window],
    sizes: dict[str, int],
) -> list[AttentionStats]:
    """The statistics of each item of a batch, with regions in natural coordinates.

    Args:
        measured: The K cross-attends of the batch.
        adapter: Maps elements to regions.
        windows: The batch, B.
        sizes: Stream -> its number of elements, in their order along M.

    Returns:
        One for each window.
    """
    mass = np.stack([m.mass.cpu().numpy() for m in measured], 1).astype(np.float64)  # [B, K, M]
    items = zip(_figures(measured, mass), mass, windows, strict=True)
    return [AttentionStats(_cross_attend_stats(*item, adapter, sizes)) for item in items]


def _figures(measured: list[CrossAttendFigures], mass: np.ndarray) -> list[list[dict[str, Any]]]:
    """The figures of each item and cross-attend, by the names of CrossAttendStats.

    mass: [B, K, M].
    """
    heaviest = max(1, math.ceil(mass.shape[2] / 100))
    on_top = np.partition(mass, -heaviest, axis=-1)[..., -heaviest:].sum(-1)
    together = 2 ** -(mass * np.log2(mass.clip(_TINY))).sum(-1)
    by_cross_attend = [
        {
            "entropy_bits": _rounded(m.entropy_bits, 3),
            "effective_elements": _rounded(m.effective, 1),
            "peak": _rounded(m.peak, 5),
            "mass_top_1pct": _rounded(on_top[:, k], 4),
            "drift_bits": [None] * len(mass) if m.drift_bits is None else _rounded(m.drift_bits, 4),
            "effective_together": _rounded(together[:, k], 1),
        }
        for k, m in enumerate(measured)
    ]
    return [
        [{name: column[row] for name, column in figures.items()} for figures in by_cross_attend]
        for row in range(len(mass))
    ]


def _rounded(figures: Tensor | np.ndarray, digits: int) -> list[float]:
    return [round(each, digits) for each in figures.tolist()]


def _cross_attend_stats(
    figures: list[dict[str, Any]],
    mass: np.ndarray,
    window: Window,
    adapter: Adapter,
    sizes: dict[str, int],
) -> list[CrossAttendStats]:
    """The statistics of one item's K cross-attends; mass: [K, M]."""
    shares: list[dict[str, float]] = [{} for _ in figures]
    found: list[list[Focus]] = [[] for _ in figures]
    start = 0
    for stream, size in sizes.items():
        own = mass[:, start : start + size]
        regions = adapter.focus(stream, own, window)
        for k, share in enumerate(own.sum(1).tolist()):
            shares[k][stream] = round(share, 4)
            found[k] += regions[k]
        start += size
    return [
        CrossAttendStats(
            **values, share=share, focus=sorted(focus, key=lambda f: f.mass, reverse=True)[:4]
        )
        for values, share, focus in zip(figures, shares, found, strict=True)
    ]
