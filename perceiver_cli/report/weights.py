"""Checkpoints as text: the list, and one card."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.evaluation import FIGURES
from perceiver_cli.report.faithfulness import verdict
from perceiver_cli.report.terminal import is_fitted, plain_table, room_for, show

_SHOWN_LABELS = 12
# Columns of the list that are left out on narrow terminals, in this order.
_LEFT_OUT_FIRST = ("on disk", "parameters", "from", "classes", "default for", "reads")
_FIGURE_COLUMNS = ("classes", "parameters", "on disk", "top-1")
_GAP = 2


def show_weights(console: Console, records: list[dict[str, Any]]) -> None:
    """Prints one row per checkpoint; if columns do not fit, name and accuracy are kept.

    Args:
        console: Where to print.
        records: See record_of in cli/models.py.
    """
    columns = {
        "name": [record["name"] for record in records],
        "reads": [record["modality"] for record in records],
        "classes": [str(record["classes"]) for record in records],
        "parameters": [f"{record['parameters'] / 1e6:.1f} M" for record in records],
        "on disk": [f"{record['bytes'] / 1e6:.1f} MB" for record in records],
        "top-1": [_best_figure(record["card"]) for record in records],
        "from": [record["origin"] for record in records],
        "default for": [", ".join(record["default_for"]) for record in records],
    }
    if set(columns["from"]) == {"bundled"}:
        del columns["from"]
    for name in _LEFT_OUT_FIRST:
        if is_fitted(console) and _width(columns) > console.width:
            columns.pop(name, None)
    table = plain_table()
    for name in columns:
        table.add_column(
            name,
            style="bold" if name == "name" else None,
            justify="right" if name in _FIGURE_COLUMNS else "left",
            no_wrap=name != "name",
            overflow="fold",
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    with room_for(console, _width(columns)):
        show(console, table)


def _width(columns: dict[str, list[str]]) -> int:
    """How wide a table of these columns is."""
    widest = (max(map(cell_len, [name, *cells])) for name, cells in columns.items())
    return sum(widest) + _GAP * (len(columns) - 1)


def show_defaults(console: Console, names: dict[str, str]) -> None:
    """Prints one row per modality. names: modality -> name of its default checkpoint."""
    table = plain_table()
    table.add_column("modality")
    table.add_column("weights", style="bold", overflow="fold")
    for modality, name in names.items():
        table.add_row(modality, name)
    show(console, table)


def show_card(console: Console, record: dict[str, Any]) -> None:
    """The card of a checkpoint."""
    card = record["card"]
    show(console, Text(record["name"], style="bold"))
    show(console, Text(f"{record['modality']}, {record['classes']} classes"))
    console.print()
    labels = [label["label"] for label in record["labels"]]
    more = f", and {len(labels) - _SHOWN_LABELS} more" if len(labels) > _SHOWN_LABELS else ""
    rows = [
        ("file", record["path"]),
        ("size", f"{record['parameters']:,} parameters, {record['bytes'] / 1e6:.1f} MB"),
        ("default for", ", ".join(record["default_for"]) or "nothing"),
        ("classes", ", ".join(labels[:_SHOWN_LABELS]) + more),
        ("groups", _wider(record["labels"], "group")),
        ("kinds", _wider(record["labels"], "kind")),
        *((key, str(card[key])) for key in ("data", "licence", "source") if card.get(key)),
        ("fetched", _origin(card.get("origin"))),
        *_measured(card),
        *_faithfulness(card),
        ("scores", _scores(record)),
        ("made", " ".join(str(card[key]) for key in ("date", "version") if card.get(key))),
        ("made with", card.get("command", "")),
        ("model", _settings(record["model"])),
        ("input", _settings(record["recipe"])),
        *(("note", note) for note in card.get("notes", [])),
    ]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    names = max(len(name) for name, value in rows if value)
    room = console.width - names - _GAP
    for name, value in rows:
        # Room for a long path does not widen the other rows.
        lines = Text(value).wrap(console, room, overflow="fold")
        if value:
            table.add_row(name, Text(value) if name == "file" else Text("\n").join(lines))
    with room_for(console, names + _GAP + cell_len(record["path"])):
        show(console, table)


def _wider(labels: list[dict[str, str]], level: str) -> str:
    """The groups or kinds with their numbers of classes, the largest first."""
    counts = Counter(label[level] for label in labels if label[level])
    return ", ".join(f"{name} ({number})" for name, number in counts.most_common())


def _origin(origin: dict[str, str] | None) -> str:
    if not origin:
        return ""
    return f"{origin['file']} of revision {origin['revision']}, SHA-256 {origin['sha256']}"


def _best_figure(card: dict[str, Any]) -> str:
    """Top-1 of the split measured last."""
    measured = list((card.get("measured") or {}).values())
    top1 = measured[-1].get("top1") if measured else None
    return "" if top1 is None else f"{top1:.1%}"


def _measured(card: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for split, figures in (card.get("measured") or {}).items():
        words = [f"{name} {figures[key]:.1%}" for key, name in FIGURES.items() if figures.get(key)]
        items = f" ({figures['items']:,} items)" if "items" in figures else ""
        rows.append(("measured", f"{split}{items}: {', '.join(words)}"))
    return rows


def _faithfulness(card: dict[str, Any]) -> list[tuple[str, str]]:
    """The faithfulness of the explanation methods, and the default method."""
    rows = []
    for split, entry in (card.get("faithfulness") or {}).items():
        words = verdict(entry["methods"])
        rows.append(("explanations", f"{split} ({entry['items']:,} items): {words}"))
    return rows + ([("explained by", card["explain_with"])] if card.get("explain_with") else [])


def _scores(record: dict[str, Any]) -> str:
    streams = record["stream_temperatures"]
    of_streams = "".join(f" ({t:.3g} for {name} alone)" for name, t in streams.items())
    return f"temperature {record['temperature']:.3g}{of_streams}"


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_settings(value)})"
    if isinstance(value, (list, tuple)):
        return "/".join(_value(v) for v in value)
    return str(value)
