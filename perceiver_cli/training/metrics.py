"""Metrics of a classifier, from scores [items, classes] and true classes [items]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Measures:
    """Metrics of a classifier. Shares are in [0, 1].

    Attributes:
        items: Number of classified items.
        top1: Share whose best prediction is correct.
        top1_interval: Wilson's 95 % interval of top1.
        top5: Share with the right class among the five best.
        class_mean: Recall averaged over classes.
        ece: Expected calibration error of the top score over 15 bins of equal width.
        coverage: Share whose best score is high enough for an answer that is a class.
    """

    items: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    class_mean: float
    ece: float
    coverage: float

    def rounded(self) -> dict[str, Any]:
        """The measures as plain JSON types for the card, rounded to four digits."""
        figures = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        figures["top1_interval"] = [round(v, 4) for v in self.top1_interval]
        figures["kept"] = figures.pop("coverage")
        return figures


def measure(scores: np.ndarray, truth: np.ndarray, sure: float) -> Measures:
    """Computes all measures. Classes without items do not count in class_mean.

    Args:
        scores: float [items, classes].
        truth: True classes, int [items].
        sure: Minimum score of an answer.

    Returns:
        The measures.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    right = order[:, 0] == truth
    best = scores.max(1)
    return Measures(
        items=len(truth),
        top1=float(right.mean()),
        top1_interval=wilson_interval(int(right.sum()), len(right)),
        top5=float((order[:, :5] == truth[:, None]).any(1).mean()),
        class_mean=float(recalls(confusion(order[:, 0], truth, scores.shape[1])).mean()),
        ece=calibration_error(best, right),
        coverage=float((best >= sure).mean()),
    )


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a share, good for small numbers too (Wilson 1927).

    Args:
        successes: Number of successes.
        trials: Number of trials.
        z: Quantile of the normal distribution; 1.96 gives 95 %.

    Returns:
        Lower and upper limit in [0, 1]; (0, 1) without trials.
    """
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    spread = z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Counts predictions by class.

    Args:
        predicted: Class of every prediction, int [items].
        truth: True class of every item, int [items].
        classes: Number of classes.

    Returns:
        int [classes, classes]: rows are true classes, columns predictions.
    """
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (truth, predicted), 1)
    return table


def recalls(table: np.ndarray) -> np.ndarray:
    """Recall of every class that has items.

    Args:
        table: See confusion.

    Returns:
        float [classes with items], 0 to 1.
    """
    counts = table.sum(1)
    shares: np.ndarray = table.diagonal()[counts > 0] / counts[counts > 0]
    return shares


def calibration_error(best: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error: difference of score and accuracy (Guo et al. 2017, section 2).

    Args:
        best: The top score of every item, 0 to 1, [items].
        right: Whether the class with that score is correct, bool [items].

    Returns:
        The mean over items of the difference in their bin; BINS bins of equal width.
    """
    bins = np.minimum((best * BINS).astype(int), BINS - 1)
    gap = np.abs(np.bincount(bins, best - right.astype(float), BINS))
    return float(gap.sum() / len(best))


def best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature with the lowest loss (Guo et al. 2017, section 4.2).

    Three rounds of a grid on log T from 0.05 to 20, each finer by ten.

    Args:
        loss: Loss of the held-out files at a temperature.

    Returns:
        The temperature, to 0.3 %.
    """
    low, high = np.log(0.05), np.log(20.0)
    for _ in range(3):
        grid = np.linspace(low, high, 21)
        middle = grid[int(np.argmin([loss(float(np.exp(t))) for t in grid]))]
        step = grid[1] - grid[0]
        low, high = middle - step, middle + step
    return float(np.exp(middle))
