"""The share of an input that the model read: area of a picture, seconds of a sound or video."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perceiver_cli.inference.decoding.items import PreparedItem


def read_share(item: PreparedItem, recipe: Mapping[str, Any]) -> dict[str, float]:
    """The record's `read`.

    Args:
        item: The item, with all of its windows.
        recipe: The input recipe of its model.

    Returns:
        "share" of the input, in [0, 1]; "area", the share of a picture or of a film's frames;
        "seconds" of a sound or film, and whether the windows are "overlapping".
    """
    read: dict[str, float] = {}
    location, facts = item.windows[0].location, item.facts
    if {"width", "height"} <= location.keys() & facts.keys():
        area = location["width"] * location["height"] / (facts["width"] * facts["height"])
        read["area"] = round(min(1.0, area), 4)
    duration_s = facts.get("duration_s")
    share = read.get("area", 1.0)
    if duration_s and "window_s" in recipe and "start_s" in location:
        complete = item.read_whole and len(item.windows) == item.total
        seconds = duration_s if complete else _seconds(item, recipe["window_s"])
        read["seconds"] = round(min(seconds, duration_s), 3)
        share *= read["seconds"] / duration_s
        read["overlapping"] = item.read_whole
    return {"share": round(share, 4)} | read


def _seconds(item: PreparedItem, window_s: float) -> float:
    """Seconds that any window covers."""
    seconds = end = 0.0
    for start in sorted(window.location["start_s"] for window in item.windows):
        stop = min(start + window_s, item.facts["duration_s"])
        seconds += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return seconds
