"""An inspection as text."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.detail import show_heading
from perceiver_cli.report.terminal import plain_table, show, show_sentence
from perceiver_cli.report.words import count, escape_controls

# Columns of figures: all of them, and those of narrower terminals.
_FIGURES = (("min", "mean", "max"), ("min", "max"))
# Widths with the gap: of a figure, of the channels, of the stream.
_FIGURE, _CHANNELS, _STREAM = 8, 10, 8
# A longer list of the starts of windows is shortened.
_MAX_STARTS = 8


def show_inspection(console: Console, record: dict[str, Any]) -> None:
    """Prints the record that Inspection.to_dict gives."""
    show_heading(
        console, record["path"], record["modality"], record["detected_by"], record["input"]
    )
    for note in record["notes"]:
        show_sentence(console, escape_controls(note), "yellow")
    byte_array = record["byte_array"]
    show(console, Text(f"read by {record['model']}{_taken(record)}"))
    console.print()
    streams = byte_array["streams"]
    size = f"Byte array: M = {byte_array['elements']:,} elements x C = {byte_array['channels']}"
    if len(streams) > 1:
        shares = " + ".join(f"{m:,} {name}" for name, m in streams.items())
        size += f"\nM = {shares}"
    widths = {name: _width(byte_array, name) for name in streams}
    if any(width < byte_array["channels"] for width in widths.values()):
        size += "\nC: each stream is padded to the same width with learned values"
    show(console, Text(size))
    show(console, _channels(byte_array["groups"], len(streams) > 1, console.width))


def _width(byte_array: dict[str, Any], stream: str) -> int:
    return sum(group["count"] for group in byte_array["groups"] if group["stream"] == stream)


def _channels(groups: list[dict[str, Any]], several: bool, width: int) -> Table:
    """The table of channels. If it is too wide, figures are left out first."""
    words = [word for group in groups for word in group["name"].split()]
    room = width - max(map(len, words)) - _CHANNELS - (_STREAM if several else 0)
    fitting = [names for names in _FIGURES if room >= len(names) * _FIGURE]
    shown = fitting[0] if fitting else ()
    table = plain_table()
    if several:
        table.add_column("stream")
    table.add_column("channels", justify="right")
    table.add_column("meaning", overflow="fold")
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    start: dict[str, int] = {}
    for group in groups:
        first = start.get(group["stream"], 0)
        last = start[group["stream"]] = first + group["count"]
        figures = [f"{group[name]:.2f}" for name in shown]
        stream = [group["stream"]] if several else []
        table.add_row(*stream, f"{first}-{last - 1}", group["name"], *figures)
    return table


def _taken(record: dict[str, Any]) -> str:
    """The part of the file that the model reads: the crop, or the windows."""
    windows = record["windows"]
    window = windows[0]
    parts = []
    if "left" in window:
        left, top = window["left"], window["top"]
        right, bottom = left + window["width"], top + window["height"]
        parts.append(f"the square x {left:.0f}-{right:.0f}, y {top:.0f}-{bottom:.0f}")
    if "start_s" in window:
        starts = ", ".join(_shortened([f"{window['start_s']:.1f}" for window in windows]))
        length = f"{record['recipe']['window_s']:g} s"
        parts.append(f"{count(len(windows), 'window')} of {length} from {starts} s")
    if "radius" in window:
        centre = ", ".join(f"{v:.3g}" for v in window["centre"])
        parts.append(f"centred at ({centre}), scaled by 1/{window['radius']:.3g}")
    return f": {'; '.join(parts)}"


def _shortened(starts: list[str]) -> list[str]:
    """A long list as its first three and its last."""
    return starts if len(starts) <= _MAX_STARTS else [*starts[:3], "...", starts[-1]]
