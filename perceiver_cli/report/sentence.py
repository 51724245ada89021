"""Attention statistics as a sentence."""

from __future__ import annotations

from typing import Any

from perceiver_cli.modalities import find_modality
from perceiver_cli.report.input_words import NEARLY_ALL
from perceiver_cli.results import Classification, CrossAttendStats

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")

# Minimum factor between the effective elements of two cross-attends that is mentioned.
_CHANGED = 1.25


def attention_in_words(result: Classification, *, every: bool = True) -> str:
    """Describes how much was attended to, where most, and the change between cross-attends.

    Such as "Attends to 3 % of the picture, most of all to the upper left (12 % of attention); the
    second cross-attend narrows to 1 %, most of all to the middle (20 %)." A share is that of the
    elements that any latent attends to. Empty without attention statistics.

    Args:
        every: Whether to describe every cross-attend, or the first alone.
    """
    if result.attention is None or not result.attention.cross_attends:
        return ""
    elements = result.byte_array["elements"]
    first, *others = result.attention.cross_attends
    region = _region_in_words(first, result)
    windows = len(result.segments)
    row = find_modality(result.modality)
    thing = f"the {row.described_as or row.noun}"
    if windows:
        thing = f"the clearest of {windows} windows"
    elif result.read.get("share", 1.0) < NEARLY_ALL:
        thing = f"what it read of {thing}"
    words = f"Attends to {share_seen(first, elements)} of {thing}"
    words += _where(region, first, result, " of attention")
    before = first
    for number, stats in enumerate(others if every else [], 2):
        change = _change(before, stats, result, elements)
        words += f"; the {_ordinal(number)} cross-attend {change}"
        before = stats
    return f"{words}."


def _change(
    before: CrossAttendStats, stats: CrossAttendStats, result: Classification, elements: int
) -> str:
    factor = stats.effective_together / before.effective_together
    share = share_seen(stats, elements)
    if factor < 1 / _CHANGED:
        words = f"narrows to {share}"
    elif factor > _CHANGED:
        words = f"widens to {share}"
    else:
        words = f"takes in {share}" if share != share_seen(before, elements) else "takes in as much"
    old, region = _region_in_words(before, result), _region_in_words(stats, result)
    return words + _where(region, stats, result, "", "still " if region == old else "")


def _where(
    region: str, stats: CrossAttendStats, result: Classification, of_what: str, still: str = ""
) -> str:
    """The heaviest region and each stream's share of attention, to follow the effective share."""
    figures = [f"{_percent(stats.focus[0].mass)}{of_what}"] if region else []
    if len(stats.share) > 1:
        nouns = find_modality(result.modality).stream_nouns
        shares = stats.share.items()
        figures.append(", ".join(f"{_percent(s)} {nouns.get(name, name)}" for name, s in shares))
    words = f", {still}most of all {region}" if region else ""
    return words + (f" ({'; '.join(figures)})" if figures else "")


def share_seen(stats: CrossAttendStats, elements: int) -> str:
    """The effective share of the elements that any latent attends to: "52 %"."""
    return _percent(min(1.0, stats.effective_together / elements))


def _region_in_words(stats: CrossAttendStats, result: Classification) -> str:
    """The heaviest region as "to the upper left" or "at 1.2 to 1.6 s"; "" if there is none."""
    if not stats.focus:
        return ""
    where, facts = stats.focus[0].where, result.input
    if "start_s" in where:
        return f"at {_seconds(where['start_s'])} to {_seconds(where['end_s'])} s"
    if "min" in where:
        return f"to {_corner(where, result)}"
    region = _region(where, facts["width"], facts["height"])
    return f"to {region}" + (f" at {_seconds(where['time_s'])} s" if "time_s" in where else "")


def _region(box: dict[str, Any], width: int, height: int) -> str:
    """Which ninth of the picture the middle of the box is in."""
    column = min(2, int(3 * (box["x0"] + box["x1"]) / 2 / width))
    row = min(2, int(3 * (box["y0"] + box["y1"]) / 2 / height))
    across, down = ("left", "", "right")[column], ("upper", "", "lower")[row]
    if across and down:
        return f"the {down} {across}"
    if down:
        return {"upper": "the top", "lower": "the bottom"}[down]
    return f"the {across}" if across else "the middle"


def _corner(box: dict[str, Any], result: Classification) -> str:
    """Which eighth of the shape the middle of the box is in, seen from the front.

    The extent of the shape is taken as that of all regions together. Front is low y where z is
    up, and high z where y is.
    """
    all_stats = result.attention.cross_attends if result.attention else []
    boxes = [focus.where for stats in all_stats for focus in stats.focus]
    low = [min(b["min"][axis] for b in boxes) for axis in range(3)]
    high = [max(b["max"][axis] for b in boxes) for axis in range(3)]
    x, y, z = (box["min"][i] + box["max"][i] > low[i] + high[i] for i in range(3))
    upper, front = (y, z) if result.input.get("up") == "y" else (z, not y)
    return " ".join(
        (
            "the",
            "upper" if upper else "lower",
            "front" if front else "back",
            "right" if x else "left",
        )
    )


def _seconds(seconds: float) -> str:
    return f"{round(seconds, 2):.6g}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 9.5 else f"{percent:.2g} %"


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"
