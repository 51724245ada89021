"""Which stretches of a long sound or video are looked at."""

from __future__ import annotations

import math

# A remainder shorter than this share of a window does not get a window of its own.
SMALLEST_REMAINDER = 0.05


def window_starts(duration_s: float, window_s: float, max_windows: int) -> list[float]:
    """Start times in seconds of evenly spaced windows over a duration.

    As many windows as cover the duration, at most max_windows; the first starts at 0 and the
    last ends at the end. If only one is allowed it is the middle of the file. A file not longer
    than a window gives one start, 0.
    """
    if duration_s <= window_s:
        return [0.0]
    needed = math.ceil(duration_s / window_s - SMALLEST_REMAINDER)
    count = max(1, min(max_windows, needed))
    room = duration_s - window_s
    if count == 1:
        return [room / 2]
    return [room * index / (count - 1) for index in range(count)]
