"""The table of `perceiver evaluate --faithfulness`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.terminal import show


def show_faithfulness(console: Console, measured: dict[str, Any]) -> None:
    """measured: Faithfulness.to_dict()."""
    table = Table(
        title=f"Faithfulness of {measured['model']} on {measured['items']} items",
        title_justify="left",
    )
    table.add_column("method")
    for name in ("deletion", "insertion", "gain over random"):
        table.add_column(name, justify="right")
    methods = measured["methods"].items()
    for name, entry in sorted(methods, key=lambda item: -item[1]["gain"]):
        gain = "" if name == "random" else f"{entry['gain']:+.3f} ± {entry['gain_error']:.3f}"
        table.add_row(name, f"{entry['deletion']:.3f}", f"{entry['insertion']:.3f}", gain)
    show(console, table)
    words = (
        "The mean score of the answer while elements are taken out, heaviest first (deletion: "
        "low is faithful) or lightest first (insertion: high is faithful)."
    )
    show(console, Text(words, style="dim"))
