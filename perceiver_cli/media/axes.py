"""Conversion between coordinates with y up (many 3D formats) and z up (models)."""

from __future__ import annotations

import numpy as np


def to_z_up(points: np.ndarray) -> np.ndarray:
    """Points with y up -> the same with z up, [..., 3]."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def to_file_axes(points: np.ndarray, up: str) -> np.ndarray:
    """Points with z up -> the same in a file's axes, [..., 3]. up: "y" or "z", as in the file."""
    return to_y_up(points) if up == "y" else points


def to_y_up(points: np.ndarray) -> np.ndarray:
    """Points with z up -> the same with y up, [..., 3]."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)
