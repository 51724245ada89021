"""The tables of `perceiver evaluate`: overall, under corruptions, per class."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.terminal import plain_table, show, show_sentence
from perceiver_cli.report.words import count, escape_controls

# Key of a figure -> its name for people.
FIGURES = {
    "top1": "top-1",
    "top5": "top-5",
    "class_mean": "class mean",
    "ece": "calibration error",
    "kept": "confident",
}

# Number of items below which a warning says that figures are unreliable.
_FEW = 30

# Maximum number of left-out files that are listed; further ones are only counted.
_SHOWN = 20


def share_in_words(figures: dict[str, Any]) -> str:
    """Top-1 with its count and interval: "80.0% (8 of 10, 95 % interval 49.0% to 94.3%)"."""
    right = round(figures["top1"] * figures["items"])
    low, high = figures["top1_interval"]
    interval = f"95 % interval {low:.1%} to {high:.1%}"
    return f"{figures['top1']:.1%} ({right:,} of {figures['items']:,}, {interval})"


def few_items_warning(measured: str, items: int) -> str | None:
    """A warning if a split or folder of that name has too few items for reliable figures."""
    if items >= _FEW:
        return None
    return f"{measured}: only {count(items, 'file')}; figures of fewer than {_FEW} are unreliable"


def show_evaluation(console: Console, measured: dict[str, Any]) -> None:
    """measured: Evaluation.to_dict()."""
    title = f"{measured['model']} on {count(measured['items'], 'item')}"
    show_sentence(console, title, "bold")
    overall = _table("measure", "value")
    for key, name in FIGURES.items():
        overall.add_row(name, f"{measured[key]:.1%}")
        if key == "top1":
            low, high = measured["top1_interval"]
            overall.add_row("95 % interval", f"{low:.1%} to {high:.1%}")
    show(console, overall)

    _show_answers(console, measured["answers"])
    if measured.get("robustness"):
        _show_robustness(console, measured)
    if measured.get("unknown"):
        _show_unknown(console, measured["unknown"])
    _show_classes(console, measured)
    _show_files(console, "not classified", measured["failed_files"])
    _show_files(console, "passed over", measured["passed_over_files"])


def _show_answers(console: Console, answers: dict[str, Any]) -> None:
    """Answers by level, then all together."""
    _show_heading(console, f"Answers with a score of at least {answers['sure']:g}")
    table = _table(
        "level",
        "given",
        "right of given",
        "right of all",
        "calibration error",
    )
    for level, found in answers["levels"].items():
        right = found["given"] * (found["right"] or 0)
        table.add_row(
            level, *map(_percent, (found["given"], found["right"], right, found.get("ece")))
        )
    shares = (answers["given"], answers["right_of_given"], answers["right"])
    table.add_row("any", *map(_percent, shares), "")
    show(console, table)
    if answers["familiar"] is not None:
        console.print(f"familiar: {answers['familiar']:.1%}")


def _show_unknown(console: Console, unknown: dict[str, dict[str, Any]]) -> None:
    columns = ("items", "no answer", "unfamiliar", "a class", "right wider term", "wrong")
    _show_heading(console, "Files of none of the classes")
    table = _table("folder", *columns)
    for name, found in unknown.items():
        shares = (found.get(key) for key in ("unsure", "unfamiliar", "a_class", "right", "wrong"))
        table.add_row(Text(escape_controls(name)), f"{found['items']:,}", *map(_percent, shares))
    show(console, table)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _show_robustness(console: Console, measured: dict[str, Any]) -> None:
    _show_heading(console, "The same files, corrupted")
    table = _table("corruption", "top-1", "class mean", "confident")
    for name, found in {"none": measured, **measured["robustness"]}.items():
        table.add_row(
            name, f"{found['top1']:.1%}", f"{found['class_mean']:.1%}", f"{found['kept']:.1%}"
        )
    show(console, table)


def _show_classes(console: Console, measured: dict[str, Any]) -> None:
    _show_heading(console, "Per class, worst first")
    table = plain_table()
    table.add_column("class", overflow="ellipsis", max_width=28)
    table.add_column("items", justify="right")
    left_out = [name for name in ("failed", "passed_over") if measured[name]]
    for name in left_out:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("found", justify="right")
    table.add_column("most often taken for", overflow="ellipsis", max_width=26)
    for entry in sorted(measured["classes"], key=lambda entry: entry["recall"]):
        table.add_row(
            Text(escape_controls(entry["label"])),
            str(entry["items"]),
            *(str(entry[name]) for name in left_out),
            f"{entry['recall']:.1%}",
            Text(escape_controls(entry["taken_for"] or "")),
        )
    show(console, table)


def _show_files(console: Console, kind: str, files: list[dict[str, str]]) -> None:
    """The files that are not measured, and why."""
    for entry in files[:_SHOWN]:
        line = f"{kind}: {entry['path']}: {entry['message']}"
        console.print(Text(escape_controls(line)), soft_wrap=True)
    if len(files) > _SHOWN:
        console.print(f"and {count(len(files) - _SHOWN, 'more file')} {kind}")


def _show_heading(console: Console, text: str) -> None:
    console.print()
    show_sentence(console, text, "bold")


def _table(first: str, *figures: str) -> Table:
    table = plain_table()
    table.add_column(first)
    for name in figures:
        table.add_column(name, justify="right")
    return table
