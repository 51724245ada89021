"""The table of events: which class was present from when to when."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.terminal import bar, is_ascii, show
from perceiver_cli.report.words import clock, count, escape_controls, score_in_words, shorten

# Maximum number of events that are listed, unless all are requested.
_MAX_EVENTS = 20
_BAR, _SCORE, _GAP = 10, 4, 2
# Minimum width of a terminal for bars.
_NARROW = 50


def show_events(console: Console, events: list[dict[str, Any]], every: bool) -> None:
    """Prints a row for each event.

    Args:
        console: Where to print.
        events: The record's `events`; at least one.
        every: Whether to print all of them.
    """
    shown = events if every else events[:_MAX_EVENTS]
    times = [f"{clock(event['start_s'])}-{clock(event['end_s'])}" for event in shown]
    wide = max(map(len, times))
    bars = console.width >= _NARROW
    room = console.width - wide - _SCORE - 2 * _GAP - (_BAR + _GAP) * bars
    labels = [shorten(escape_controls(event["label"]), room) for event in shown]
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for column in (wide, max(map(len, labels)), *[_BAR] * bars, _SCORE):
        table.add_column(width=column, no_wrap=True)
    for event, time, label in zip(shown, times, labels, strict=True):
        score = event["score"]
        drawn = "" if score is None else bar(score, _BAR, is_ascii(console))
        table.add_row(
            Text(time, style="cyan"),
            Text(label, style="dim" if score is None else ""),
            *[Text(drawn, style="dim")] * bars,
            "" if score is None else score_in_words(score),
        )
    show(console, table)
    if len(shown) < len(events):
        more = count(len(events) - len(shown), "more event")
        show(console, Text(f"and {more}: -v, --json or --format csv has them all", style="dim"))
