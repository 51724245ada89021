"""Times and sizes of frames, for videos and animated pictures."""

from __future__ import annotations

import numpy as np


def frame_times(first_s: float, last_s: float, count: int) -> np.ndarray:
    """float64 [count] evenly spaced times including both ends; a single time is the middle."""
    if count == 1:
        return np.array([(first_s + last_s) / 2])
    return np.linspace(first_s, last_s, count)


def reduced_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) scaled down so that the shorter side is short_side; never scaled up."""
    scale = min(1.0, short_side / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
