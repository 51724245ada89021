"""Events from the scores of overlapping windows: which class is present from when to when.

The score of a class at a time is its mean over the windows that contain the time. In a quiet
background scores are reduced, because the score of a window does not tell at which time within it
something happened, but the level does. An event begins where the score reaches `on` and lasts while
it is at least `off * on` (hysteresis); short gaps are closed, and short events are left out. Events
of several classes may overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import Float64Array
from perceiver_cli.checkpoints.format import Label
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.signal import LEVEL_S, SILENCE_RMS
from perceiver_cli.settings import NotNegative, read_settings

Spans = list[tuple[int, int]]

SILENCE = "silence"
# Minimum length of silence that is an event, in seconds.
_MIN_SILENCE_S = 1.0

# Minimum weight of background in a running mean, which would be undefined with 0.
_MIN_WEIGHT = 1e-3

# Quantiles of the levels: of the background and of the loudest times.
_BACKGROUND, _LOUDEST = 0.2, 0.99


@dataclass(frozen=True)
class EventSettings:
    """Settings of event detection; a checkpoint may have its own.

    Attributes:
        hop_s: Seconds from one window to the next; 0 is half a window.
        on: Score from which an event begins.
        off: Score below which it ends, as a share of `on`.
        depth_db: Level difference in decibels between the background and the loudest times from
            which the background counts as quiet.
        rise_db: Level above the background in decibels from which a time no longer belongs to it.
        quiet: Factor of the scores in a quiet background.
        gap_s: Longest gap that is closed.
        least_s: Shortest event that is kept.
        smooth_s: Length of the running mean of the scores.
    """

    hop_s: NotNegative = 0.0
    on: NotNegative = 0.5
    off: NotNegative = 0.3
    depth_db: NotNegative = 20.0
    rise_db: NotNegative = 13.0
    quiet: NotNegative = 0.0
    gap_s: NotNegative = 0.7
    least_s: NotNegative = 0.4
    smooth_s: NotNegative = 2.0


def settings_of(values: Mapping[str, float]) -> EventSettings:
    """The settings that a checkpoint stores. Raises ValueError, in one line."""
    return read_settings(EventSettings, values, "event setting")


@dataclass(frozen=True)
class Timeline:
    """A file in steps of LEVEL_S seconds.

    Attributes:
        scores: float64 [steps, classes], the mean over the windows that contain the step.
        levels: float64 [steps], the root mean square of the sound; NaN without sound.
    """

    scores: Float64Array
    levels: Float64Array


def timeline_of(
    windows: Sequence[Window], scores: Sequence[Float64Array | None], window_s: float
) -> Timeline:
    """The scores and levels of all windows over time.

    Args:
        windows: With "start_s" and, of sounds, "levels" in their location; in order.
        scores: float64 [classes] of each window; None without a signal.
        window_s: Length of a window.
    """
    spans = [_span(window, window_s) for window in windows]
    steps = max(end for _, end in spans)
    classes = next((len(own) for own in scores if own is not None), 0)
    # Differences at the ends of windows, then a cumulative sum: a long file has many steps.
    sums, counts = np.zeros((steps + 1, classes)), np.zeros(steps + 1)
    levels = np.full(steps, np.nan)
    for window, own, (first, end) in zip(windows, scores, spans, strict=True):
        counts[first] += 1
        counts[end] -= 1
        if own is not None:
            sums[first] += own
            sums[end] -= own
        heard = window.location.get("levels")
        if heard is not None:
            begin = round(window.location["levels_start_s"] / LEVEL_S)
            room = levels[begin : begin + len(heard)]
            room[:] = heard[: len(room)]
    mean = np.cumsum(sums, 0, out=sums)[:-1]
    mean /= np.maximum(counts[:-1].cumsum(), 1)[:, None]
    return Timeline(mean, levels)


def find_events(
    timeline: Timeline, labels: Sequence[Label], settings: EventSettings
) -> list[dict[str, Any]]:
    """Events in the order of their beginnings, then of their labels.

    Args:
        timeline: The file.
        labels: The labels of the classes.
        settings: Thresholds.

    Returns:
        The record's `events`: start_s, end_s, label, id, score. Stretches without a signal are
        events called "silence" with neither id nor score.
    """
    found = [
        _event(first, end, labels[index].label, labels[index].id, float(score))
        for index, first, end, score in _spans_of(timeline, settings)
    ]
    silent = timeline.levels < SILENCE_RMS
    for first, end in _runs(silent):
        if (end - first) * LEVEL_S >= _MIN_SILENCE_S:
            found.append(_event(first, end, SILENCE, None, None))
    return sorted(found, key=lambda event: (event["start_s"], event["label"]))


def _spans_of(timeline: Timeline, settings: EventSettings) -> Iterator[tuple[int, int, int, float]]:
    """(class, first step, end, mean score) of every event."""
    weights = weights_of(timeline.levels, settings)
    steps = round(settings.smooth_s / LEVEL_S)
    # One class at a time: an hour has 36,000 steps. Means and weights only lower a score.
    for index in np.flatnonzero(timeline.scores.max(0, initial=0.0) >= settings.on):
        scores = running_mean(timeline.scores[:, index], weights, steps)
        own = scores * weights
        lasting = [
            (first, end)
            for first, end in _runs(own >= settings.on * settings.off)
            if own[first:end].max() >= settings.on
        ]
        for first, end in _joined(lasting, round(settings.gap_s / LEVEL_S)):
            if (end - first) * LEVEL_S >= settings.least_s:
                yield int(index), first, end, scores[first:end].mean()


def weights_of(levels: Float64Array, settings: EventSettings) -> Float64Array:
    """The weight of each step's scores, float64 [steps]: 1, or less in a quiet background.

    A background is quiet if it is far below the loudest times of the file. Steady rain is not.
    """
    heard = np.isfinite(levels)
    if not heard.any():
        return np.ones(len(levels))
    background, loudest = np.quantile(levels[heard], (_BACKGROUND, _LOUDEST))
    background = max(float(background), SILENCE_RMS)
    if background * _ratio(settings.depth_db) > loudest:
        return np.ones(len(levels))
    quiet = levels < background * _ratio(settings.rise_db)
    return np.where(quiet, settings.quiet, 1.0)


def votes_of(
    windows: Sequence[Window], timeline: Timeline, settings: EventSettings
) -> Float64Array:
    """The weight of each window in the answer for the whole file: float64 [windows].

    Args:
        windows: As for timeline_of.
        timeline: From timeline_of.
        settings: Thresholds.
    """
    # Windows of background only do not vote.
    weights = weights_of(timeline.levels, replace(settings, quiet=0.0))
    # Windows without levels, as of a silent film, count by their first step.
    spans = (_span(window, LEVEL_S) for window in windows)
    return np.array([weights[first:end].mean() for first, end in spans])


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def running_mean(scores: Float64Array, weights: Float64Array, steps: int) -> Float64Array:
    """A weighted running mean over a number of steps, fewer at the ends: float64 [steps].

    The weights keep the background before and after an event from changing its scores.
    """
    if steps < 2:
        return scores
    before, behind = (steps - 1) // 2, steps // 2
    position = np.arange(len(scores))
    first, end = np.maximum(position - before, 0), np.minimum(position + behind + 1, len(scores))
    weights = np.maximum(weights, _MIN_WEIGHT)
    sums, totals = (np.append(0.0, x.cumsum()) for x in (scores * weights, weights))
    mean: Float64Array = (sums[end] - sums[first]) / (totals[end] - totals[first])
    return mean


def _runs(mask: npt.NDArray[np.bool_]) -> Spans:
    """(first, end) of every run of True in a bool [steps]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _joined(spans: Spans, gap: int) -> Spans:
    """The spans; those at most `gap` steps apart are merged."""
    joined: Spans = []
    for first, end in spans:
        if joined and first - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined


def _span(window: Window, window_s: float) -> tuple[int, int]:
    """(first step, end) of a window."""
    heard = window.location.get("levels")
    start_s = window.location.get("levels_start_s", window.location["start_s"])
    first = round(start_s / LEVEL_S)
    return first, first + (len(heard) if heard is not None else max(1, round(window_s / LEVEL_S)))


def _event(first: int, end: int, label: str, id: str | None, score: float | None) -> dict[str, Any]:
    return {
        "start_s": round(first * LEVEL_S, 3),
        "end_s": round(end * LEVEL_S, 3),
        "label": label,
        "id": id,
        "score": None if score is None else round(score, 4),
    }
