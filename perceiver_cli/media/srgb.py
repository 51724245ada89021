"""The transfer function of sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np

from perceiver_cli.array_types import FloatArray


def to_srgb(light: FloatArray) -> FloatArray:
    """Linear light as sRGB levels.

    Args:
        light: [...], where 1 is white; not negative.

    Returns:
        Levels of the same shape and precision.
    """
    return np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
