"""Choice of the windows of a long sound or video."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Minimum length of a remainder, as a share of a window, that gets its own window.
MIN_REMAINDER = 0.05


def window_starts(duration_s: float, window_s: float, max_windows: int) -> list[float]:
    """Start times in seconds of evenly spaced windows over a duration.

    As many windows as cover the duration, at most max_windows; the first starts at 0 and the
    last ends at the end. If only one is allowed it is the middle of the file. A file not longer
    than a window gives one start, 0.
    """
    if duration_s <= window_s:
        return [0.0]
    needed = math.ceil(duration_s / window_s - MIN_REMAINDER)
    count = max(1, min(max_windows, needed))
    room = duration_s - window_s
    if count == 1:
        return [room / 2]
    return [room * index / (count - 1) for index in range(count)]


@dataclass(frozen=True)
class Coverage:
    """Whether a sound or film is read whole, and which of its windows are loaded.

    Attributes:
        whole_s: Longest duration of a file that is read whole. 0: none is.
        hop_s: Seconds from one window to the next if it is.
        short_too: Whether this includes short files that max_windows windows cover.
        first: Index of the first window to load.
        count: Maximum number of windows to load; None: all from there.
    """

    whole_s: float = 0.0
    hop_s: float = 0.0
    short_too: bool = False
    first: int = 0
    count: int | None = None


@dataclass(frozen=True)
class ChosenWindows:
    """The windows of one file.

    Attributes:
        starts: Start times, in seconds, of the windows to load.
        total: Number of windows of the whole file.
        read_whole: Whether they cover all of the file.
    """

    starts: list[float]
    total: int
    read_whole: bool


def choose_windows(
    duration_s: float, window_s: float, max_windows: int, coverage: Coverage
) -> ChosenWindows:
    """The windows of a file that lasts duration_s, evenly spaced or covering all of it."""
    covered = duration_s <= window_s * (max_windows + MIN_REMAINDER)
    whole = 0 < duration_s <= coverage.whole_s and (coverage.short_too or not covered)
    starts = (
        whole_starts(duration_s, window_s, coverage.hop_s)
        if whole
        else window_starts(duration_s, window_s, max_windows)
    )
    end = None if coverage.count is None else coverage.first + coverage.count
    return ChosenWindows(starts[coverage.first : end], len(starts), whole)


def whole_starts(duration_s: float, window_s: float, hop_s: float) -> list[float]:
    """Start times in seconds of windows hop_s apart; the last one ends at the end."""
    if duration_s <= window_s:
        return [0.0]
    room = duration_s - window_s
    count = max(1, math.ceil(room / hop_s - MIN_REMAINDER))
    return [hop_s * index for index in range(count)] + [room]
