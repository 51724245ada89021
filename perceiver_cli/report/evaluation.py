"""The tables of `perceiver evaluate`: overall, then per class."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_OVERALL = {
    "top1": "top-1",
    "top5": "top-5",
    "class_mean": "class mean",
    "ece": "calibration error",
    "kept": "confident",
}


def show_evaluation(console: Console, measured: dict[str, Any]) -> None:
    """measured: Evaluation.to_dict()."""
    overall = Table(title=f"{measured['model']} on {measured['items']} items", title_justify="left")
    overall.add_column("measure")
    overall.add_column("value", justify="right")
    for key, name in _OVERALL.items():
        if measured[key] is not None:
            overall.add_row(name, f"{measured[key]:.1%}")
    console.print(overall)

    if measured.get("changed"):
        _show_changed(console, measured)
    if unknown := measured.get("unknown"):
        console.print(f"{unknown['unsure']:.1%} of {unknown['items']} unknown things marked unsure")

    table = Table(title="Per class, worst first", title_justify="left")
    table.add_column("class", overflow="ellipsis", max_width=28)
    table.add_column("items", justify="right")
    table.add_column("found", justify="right")
    table.add_column("most often taken for", overflow="ellipsis", max_width=26)
    for entry in sorted(measured["classes"], key=lambda entry: entry["recall"]):
        taken_for = Text(entry["taken_for"] or "")
        share = f"{entry['recall']:.1%}"
        table.add_row(Text(entry["label"]), str(entry["items"]), share, taken_for)
    console.print(table)
    for path in measured["failed_files"]:
        console.print(Text(f"not classified: {path}"))


def _show_changed(console: Console, measured: dict[str, Any]) -> None:
    table = Table(title="The same files, changed", title_justify="left")
    table.add_column("change")
    for name in ("top-1", "class mean", "confident"):
        table.add_column(name, justify="right")
    for name, found in {"none": measured, **measured["changed"]}.items():
        kept = "" if found["kept"] is None else f"{found['kept']:.1%}"
        table.add_row(name, f"{found['top1']:.1%}", f"{found['class_mean']:.1%}", kept)
    console.print(table)
