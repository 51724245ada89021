"""One Classification in full: what the file is, what it shows, and where the model looked."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.input_words import input_in_words, signal_in_words
from perceiver_cli.report.sentence import attention_in_words
from perceiver_cli.report.terminal import bar, is_ascii, show
from perceiver_cli.report.words import (
    display_path,
    fill,
    place_in_words,
    printable,
    seconds_in_words,
    wrap,
)
from perceiver_cli.results import AttentionStats, Classification, CrossAttendStats

_BAR = 30
_INDENT = (0, 2, 0, 0)
# What the columns of figures take of a line of the attention table.
_NUMBERS = 42


def show_detail(console: Console, result: Classification, verbose: bool = False) -> None:
    """Prints a Classification; verbose adds how long it took."""
    show_heading(console, result.path, result.modality, result.detected_by, result.input)
    if result.signal != "present":
        show(console, Text(signal_in_words(result.signal), style="yellow"))
        return
    _show_model(console, result)
    console.print()
    _show_predictions(console, result)
    if result.segments:
        _show_segments(console, result.segments)
    if result.attention:
        console.print()
        _show_attention(console, result, result.attention)
    if verbose:
        seconds = ", ".join(f"{name} {value:.3f} s" for name, value in result.seconds.items())
        show(console, Text(seconds, style="dim"))


def show_heading(
    console: Console, path: str, modality: str, detected_by: str, facts: dict[str, Any]
) -> None:
    """The file, what it is and why, and its facts: two lines."""
    show(console, Text(display_path(path), style="bold", overflow="fold"))
    kind = Text.assemble((modality, "cyan"), f" ({printable(detected_by)})")
    show(console, kind + f": {input_in_words(modality, facts)}")


def _show_model(console: Console, result: Classification) -> None:
    elements, channels = result.byte_array["elements"], result.byte_array["channels"]
    line = f"read by {result.model} as {elements:,} elements x {channels} channels"
    show(console, Text(line, style="dim"))


def _show_predictions(console: Console, result: Classification) -> None:
    if not result.predictions:
        show(console, Text("No class reaches the score asked for.", style="yellow"))
        return
    unsure = result.confident is False
    tint = "yellow" if unsure else "green"
    table = Table.grid(padding=_INDENT)
    table.add_column(min_width=20, max_width=console.width - _BAR - 8, overflow="fold")
    table.add_column(width=_BAR, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for rank, prediction in enumerate(result.predictions):
        table.add_row(
            Text(printable(prediction.label), style="bold" if rank == 0 else ""),
            Text(
                bar(prediction.score, _BAR, is_ascii(console)), style=tint if rank == 0 else "dim"
            ),
            f"{prediction.score:.2f}",
        )
    if unsure:
        show(console, Text("Unsure; the best guesses are:", style="yellow"))
    show(console, table)


def _show_segments(console: Console, segments: list[dict[str, Any]]) -> None:
    """Neighbouring windows that say the same are told once."""
    merged: list[str] = []
    last = None
    for segment in segments:
        heard = segment["label"] or segment["signal"]
        if heard != last:
            merged.append(f"{seconds_in_words(segment['start_s'])} {printable(heard)}")
        last = heard
    text = f"{len(segments)} windows: {'; '.join(merged)}"
    console.print()
    show(console, Text(text))


def _show_attention(console: Console, result: Classification, attention: AttentionStats) -> None:
    elements = result.byte_array["elements"]
    table = Table(
        title=f"Attention of each cross-attend over {elements:,} elements",
        title_justify="left",
        title_style="",
        header_style="dim",
        box=None,
        padding=_INDENT,
        pad_edge=False,
    )
    for name in ("#", "effective", "bits", "peak", "top 1%", "drift"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("looked at most", overflow="fold")
    for number, stats in enumerate(attention.cross_attends, 1):
        table.add_row(
            str(number),
            f"{stats.effective_elements:,.1f}",
            f"{stats.entropy_bits:.2f}",
            f"{stats.peak:.3f}",
            f"{stats.mass_top_1pct:.0%}",
            "" if stats.drift_bits is None else f"{stats.drift_bits:.2f}",
            _where(stats, console.width - _NUMBERS),
        )
    show(console, table)
    show(console, Text(wrap(attention_in_words(result), console.width)))


def _where(stats: CrossAttendStats, width: int) -> Text:
    """The heaviest region and, of several streams, how attention is divided among them."""
    lines = []
    if stats.focus:
        heaviest = stats.focus[0]
        words = f"{place_in_words(heaviest.where)} ({heaviest.mass:.0%})"
        lines += fill(words.split(", "), width)
    if len(stats.share) > 1:
        lines += fill([f"{stream} {share:.0%}" for stream, share in stats.share.items()], width)
    return Text("\n".join(lines))
