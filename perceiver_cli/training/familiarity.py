"""Fits the statistics that distinguish familiar inputs from others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perceiver_cli.array_types import Float64Array
from perceiver_cli.checkpoints.familiar import (
    ALL_STREAMS,
    LEADING,
    FamiliarityStatistics,
    standardised,
)
from perceiver_cli.training.outputs import TINY, Outputs

# The limits include this share of the held-out files, so that they include 95 % of others.
FAMILIAR_QUANTILE = 0.96

_MIN_VARIANCE = 1e-6


def fit_familiar(
    known: dict[str, Outputs], held: dict[str, Outputs], by_class: bool
) -> FamiliarityStatistics:
    """Fits statistics to training files, and limits to held-out files.

    Args:
        known: Stream key -> the model's outputs for training files.
        held: The same for held-out files.
        by_class: Whether every class has a Gaussian, after the last iteration.

    Returns:
        Means and one shared covariance (Lee et al. 2018, section 2.1), as the checkpoint keeps
        them in float16, and the limits for them.
    """
    means, deviations_of = {}, []
    for key, outputs in known.items():
        rows = standardised(outputs.means) if by_class else outputs.means
        classes = outputs.classes[outputs.files] * by_class
        _, gaussian = np.unique(classes, return_inverse=True)
        means[key] = np.stack([rows[gaussian == k].mean(0) for k in range(gaussian.max() + 1)])
        deviations_of.append(rows - means[key][gaussian])
    zeros = dict.fromkeys(means, 0.0)
    deviations = np.concatenate(deviations_of)
    familiar = FamiliarityStatistics(fit_whitening(deviations), means, zeros, by_class)
    if not by_class:
        familiar = _with_leading(familiar, fit_leading(deviations), held[ALL_STREAMS])
    # Rounded to float16, as in the checkpoint.
    familiar = FamiliarityStatistics.from_dict(familiar.to_dict(), len(familiar.whitening))
    limits = {}
    for key, outputs in held.items():
        distances = outputs.by_file(familiar.distance(outputs.means, key))
        limits[key] = float(np.quantile(distances, FAMILIAR_QUANTILE))
    return replace(familiar, limits=limits)


def _with_leading(
    familiar: FamiliarityStatistics, leading: Float64Array, held: Outputs
) -> FamiliarityStatistics:
    """Adds the leading directions, scaled so that their distances have the same quantile."""
    usual = held.by_file(familiar.distance(held.means, ALL_STREAMS))
    deviations = held.means - familiar.means[ALL_STREAMS][0]
    other = held.by_file(np.square(deviations @ leading).mean(-1))
    of_usual, of_other = (np.quantile(values, FAMILIAR_QUANTILE) for values in (usual, other))
    ratio = of_usual / max(float(of_other), TINY)
    return replace(familiar, leading=leading * np.sqrt(ratio))


def fit_whitening(deviations: Float64Array) -> Float64Array:
    """The whitening matrix of deviations.

    Args:
        deviations: Deviations from the means, [rows, D].

    Returns:
        The lower triangular L with L L' = the inverse covariance, [D, D].
    """
    result: Float64Array = np.linalg.cholesky(np.linalg.inv(_covariance(deviations)))
    return result


def fit_leading(deviations: Float64Array) -> Float64Array:
    """The projection on the leading principal components, whitened.

    Args:
        deviations: Deviations from the mean, [rows, D].

    Returns:
        [D, LEADING].
    """
    variances, directions = np.linalg.eigh(_covariance(deviations))
    result: Float64Array = directions[:, -LEADING:] / np.sqrt(variances[-LEADING:])
    return result


def _covariance(deviations: Float64Array) -> Float64Array:
    """Covariance of deviations [rows, D], shrunk to a multiple of the identity, as few rows need.

    Oracle approximating shrinkage (Chen et al. 2010).
    """
    rows, width = deviations.shape
    covariance = deviations.T @ deviations / rows
    trace, squares = float(np.trace(covariance)), float(np.square(covariance).sum())
    excess = (rows + 1) * (squares - trace**2 / width)
    wanted = (1 - 2 / width) * squares + trace**2
    share = wanted / excess if excess > wanted else 1.0
    # Identical rows have no variance.
    variance = max(trace / width, _MIN_VARIANCE)
    result: Float64Array = (1 - share) * covariance + share * variance * np.eye(width)
    return result
