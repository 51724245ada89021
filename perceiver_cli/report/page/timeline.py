"""The time-line of a sound or video on the page: clicking an event plays it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from perceiver_cli.inputs.names import STDIN
from perceiver_cli.modalities import find_modality
from perceiver_cli.report.words import clock, count, display_path, escape_controls, score_in_words
from perceiver_cli.results import Classification

# Maximum number of labels on a card's time-line, by total duration; and of events of each.
_LANES, _EVENTS = 12, 400


def timeline(result: Classification, folder: Path | None, render: Callable[..., str]) -> str:
    """The card's time-line as HTML; empty for a picture or shape.

    Args:
        result: The Result.
        folder: The folder of the page, for the link to the file; None: the file is not played.
        render: Fills the template timeline.html.
    """
    player = find_modality(result.modality).player
    duration = result.input.get("duration_s") or 0.0
    if not player or not duration:
        return ""
    lanes: dict[str, list[dict[str, Any]]] = {}
    for event in result.events:
        lanes.setdefault(event["label"], []).append(event)
    longest = sorted(lanes.items(), key=lambda lane: -sum(map(_length, lane[1])))
    return render(
        element=player,
        source=_address(result.path, folder),
        name=display_path(result.path),
        rows=[
            (escape_controls(label), [_event(event, duration) for event in events[:_EVENTS]])
            for label, events in longest[:_LANES]
        ],
        end=clock(duration),
        more=count(len(longest) - _LANES, "other label") if len(longest) > _LANES else "",
    )


def _length(event: dict[str, Any]) -> float:
    return float(event["end_s"] - event["start_s"])


def _event(event: dict[str, Any], duration: float) -> dict[str, Any]:
    score = event["score"]
    scored = "" if score is None else f", {score_in_words(score)}"
    span = f"{clock(event['start_s'])} to {clock(event['end_s'])}"
    return {
        "start": event["start_s"],
        "left": round(100 * event["start_s"] / duration, 3),
        "width": round(100 * _length(event) / duration, 3),
        "opacity": 0.35 if score is None else round(0.4 + 0.6 * score, 2),
        "words": f"{escape_controls(event['label'])}: {span}{scored}",
    }


def _address(path: str, folder: Path | None) -> str:
    """The URL of the file, relative to the page."""
    if folder is None or path == STDIN or "://" in path:
        return ""
    try:
        relative = os.path.relpath(os.path.abspath(path), folder.resolve())
    except ValueError:  # on another drive of Windows
        return Path(path).absolute().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")), safe="/")
