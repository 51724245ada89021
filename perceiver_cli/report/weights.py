"""Checkpoints as text: the list, and one card."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.faithfulness import verdict
from perceiver_cli.report.terminal import plain_table, show

_FIGURES = (
    ("top1", "top-1"),
    ("top5", "top-5"),
    ("class_mean", "class mean"),
    ("ece", "calibration error"),
    ("kept", "confident"),
)
_SHOWN_LABELS = 12


def show_weights(console: Console, records: list[dict[str, Any]]) -> None:
    """One row per checkpoint. records: see record_of in cli/models.py."""
    table = plain_table()
    table.add_column("name", style="bold", overflow="fold")
    table.add_column("reads")
    for name in ("classes", "parameters", "on disk"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("top-1", justify="right", no_wrap=True)
    pulled = any(record["origin"] != "bundled" for record in records)
    if pulled:
        table.add_column("from", no_wrap=True)
    table.add_column("default for", overflow="fold")
    for record in records:
        table.add_row(
            record["name"],
            record["modality"],
            str(record["classes"]),
            f"{record['parameters'] / 1e6:.1f} M",
            f"{record['bytes'] / 1e6:.1f} MB",
            _best_figure(record["card"]),
            *([record["origin"]] if pulled else []),
            ", ".join(record["default_for"]),
        )
    show(console, table)


def show_defaults(console: Console, names: dict[str, str]) -> None:
    """One row per modality. names: modality -> name of the checkpoint that serves it."""
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
    for name, value in rows:
        if value:
            table.add_row(name, Text(value))
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
        words = [f"{name} {figures[key]:.1%}" for key, name in _FIGURES if figures.get(key)]
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
    alone = "".join(f" ({t:.3g} for {name} alone)" for name, t in record["alone"].items())
    return f"temperature {record['temperature']:.3g}{alone}"


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_settings(value)})"
    if isinstance(value, (list, tuple)):
        return "/".join(_value(v) for v in value)
    return str(value)
