"""Faithfulness in words: the table of `perceiver evaluate`, and a line for the card."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from perceiver_cli.report.terminal import plain_table, show, show_sentence


def show_faithfulness(console: Console, measured: dict[str, Any]) -> None:
    """measured: Faithfulness.to_dict()."""
    title = f"Faithfulness of {measured['model']} on {measured['items']} items"
    show_sentence(console, title, "bold")
    table = plain_table()
    table.add_column("method")
    for name in ("deletion", "insertion", "gain over random"):
        table.add_column(name, justify="right")
    methods = measured["methods"].items()
    for name, entry in sorted(methods, key=lambda item: -item[1]["gain"]):
        gain = "" if name == "random" else f"{entry['gain']:+.3f} ± {entry['gain_error']:.3f}"
        table.add_row(name, f"{entry['deletion']:.3f}", f"{entry['insertion']:.3f}", gain)
    show(console, table)
    words = (
        "The mean score of the answer while elements are removed, heaviest first (deletion: "
        "low is faithful) or lightest first (insertion: high is faithful)."
    )
    show_sentence(console, words, "dim")
    if beaten := _beaten(measured["methods"]):
        show_sentence(console, _no_better(beaten))


def verdict(methods: dict[str, dict[str, Any]]) -> str:
    """Comparison with a random order: the gain of each method, and which are no better.

    methods: as in Faithfulness.to_dict().
    """
    gains = [
        f"{name} {methods[name]['gain']:+.3f} ± {methods[name]['gain_error']:.3f}"
        for name in _best_first(methods)
    ]
    words = f"Gain over random: {', '.join(gains)}."
    beaten = _beaten(methods)
    return f"{words} {_no_better(beaten)}" if beaten else words


def better_than_random(entry: dict[str, Any]) -> bool:
    """Whether a method's gain exceeds twice its standard error.

    Args:
        entry: The figures of the method, see Faithfulness.to_dict.
    """
    better: bool = entry["gain"] > 2 * entry["gain_error"]
    return better


def _no_better(methods: list[str]) -> str:
    return f"No better than random, within two standard errors (±): {', '.join(methods)}."


def _best_first(methods: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(methods.keys() - {"random"}, key=lambda name: -methods[name]["gain"])


def _beaten(methods: dict[str, dict[str, Any]]) -> list[str]:
    """Methods that are no better than a random order."""
    return [name for name in _best_first(methods) if not better_than_random(methods[name])]
