"""Corruptions of shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from perceiver_cli.inference.decoding.decode import Corruption
from perceiver_cli.media.types import PointCloud


def _on_points(edit: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Corruption:
    """The corruption of a shape. edit: float64 [N, 3], z up -> float64 [any N, 3]."""

    def corrupt(cloud: PointCloud, rng: np.random.Generator) -> PointCloud:
        return replace(cloud, points=edit(cloud.points, rng))

    return corrupt


def _size(points: np.ndarray) -> float:
    """The largest distance from the mean."""
    return float(np.linalg.norm(points - points.mean(0), axis=1).max())


def _turned(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotates points about the vertical axis by a random angle."""
    angle = rng.uniform(0, 2 * np.pi)
    sin, cos = np.sin(angle), np.cos(angle)
    result: np.ndarray = points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return result


def _partly_hidden(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Removes the fifth of the points that lies furthest in a random direction."""
    direction = rng.standard_normal(3)
    return points[np.argsort(points @ direction)[: max(1, round(0.8 * len(points)))]]


def _few(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return points[rng.permutation(len(points))[:200]]


CORRUPTIONS: dict[str, Corruption] = {
    "scaled and moved": _on_points(
        lambda points, rng: points * 10 ** rng.uniform(-3, 3) + rng.uniform(-100, 100, 3)
    ),
    "200 points": _on_points(_few),
    "noise of 2 %": _on_points(
        lambda points, rng: points + 0.02 * _size(points) * rng.standard_normal(points.shape)
    ),
    "a fifth hidden": _on_points(_partly_hidden),
    "turned about the vertical": _on_points(_turned),
}
