"""One Classification in full: the file, its predictions, and the model's attention."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.answer import answer_in_words, answer_style, guess_style
from perceiver_cli.report.events_table import show_events
from perceiver_cli.report.input_words import input_in_words, read_in_words
from perceiver_cli.report.sentence import attention_in_words, share_seen
from perceiver_cli.report.terminal import bar, is_ascii, plain_table, room_for, show, show_sentence
from perceiver_cli.report.words import (
    count,
    display_path,
    escape_controls,
    fill,
    region_in_words,
    score_in_words,
    seconds_in_words,
)
from perceiver_cli.results import AttentionStats, Classification, CrossAttendStats

_INDENT = (0, 2, 0, 0)
_GAP = _INDENT[1]
# Widths in a line of predictions: the least for a label, the widest bar, the narrowest bar that is
# still readable, the score.
_LABEL, _BAR, _MIN_BAR, _SCORE = 20, 30, 4, 4
# Widths of the columns of figures in the attention table: all of them, and the first two, which
# narrower terminals show.
_NUMBERS, _FEW_NUMBERS, _NARROW = 46, 14, 64
# Minimum score of further guesses that are printed, unless all are requested.
_MIN_SCORE = 0.01


def show_detail(console: Console, result: Classification, verbose: bool = False) -> None:
    """Prints a Classification.

    Args:
        console: Where to print.
        result: The Classification.
        verbose: Whether to print all events and cross-attends, and how long it took.
    """
    show_heading(console, result.path, result.modality, result.detected_by, result.input)
    show_sentence(console, answer_in_words(result), f"bold {answer_style(result)}")
    if not result.has_signal:
        return
    _show_predictions(console, result, verbose)
    if result.events:
        show_events(console, result.events, verbose)
    elif result.segments and not result.lacks_classes:
        _show_segments(console, result.segments)
    _show_model(console, result)
    if result.attention:
        _show_attention(console, result, result.attention, every=verbose)
    if verbose:
        seconds = ", ".join(f"{name} {value:.3f} s" for name, value in result.seconds.items())
        show(console, Text(seconds, style="dim"))


def show_heading(
    console: Console, path: str, modality: str, detected_by: str, facts: dict[str, Any]
) -> None:
    """Prints the file, its type and its facts: in one line, or in two if they do not fit.

    Args:
        console: Where to print.
        path: The path of the file.
        modality: Its modality.
        detected_by: How the modality was detected.
        facts: The record's `input`.
    """
    name = Text(display_path(path), style="bold", overflow="fold")
    kind = Text.assemble((modality, "cyan"), f" ({escape_controls(detected_by)})")
    kind += f": {input_in_words(modality, facts)}"
    if name.cell_len + _GAP + kind.cell_len <= console.width:
        show(console, name + " " * _GAP + kind)
    else:
        with room_for(console, name.cell_len):
            show(console, name)
        show(console, kind)


def _show_model(console: Console, result: Classification) -> None:
    elements, channels = result.byte_array["elements"], result.byte_array["channels"]
    line = f"Read by {result.model} as {elements:,} elements x {channels} channels"
    if result.among:
        classes = count(len(result.among), "requested class", "requested classes")
        line += f"; scores are shared by {classes}"
    if read := read_in_words(result):
        line += f"; it read {read}"
    follows = "; each cross-attend:" if result.attention else ""
    show_sentence(console, line + follows, "dim")


def _show_predictions(console: Console, result: Classification, every: bool) -> None:
    if not result.predictions:
        return
    best, *others = result.predictions
    shown = [best, *(p for p in others if every or p.score >= _MIN_SCORE)]
    wide, bar_width = _widths(console.width, [escape_controls(p.label) for p in shown])
    table = Table.grid(padding=_INDENT)
    table.add_column(width=wide, overflow="fold")
    if bar_width:
        table.add_column(width=bar_width, no_wrap=True)
    table.add_column(justify="right", width=_SCORE, no_wrap=True)
    for rank, prediction in enumerate(shown):
        style = guess_style(prediction.score, rank == 0 and bool(result.confident))
        drawn = bar(prediction.score, bar_width, is_ascii(console))
        table.add_row(
            Text(escape_controls(prediction.label), style="bold" if rank == 0 else ""),
            *[Text(drawn, style=style)] * bool(bar_width),
            score_in_words(prediction.score),
        )
    show(console, table)


def _widths(width: int, labels: list[str]) -> tuple[int, int]:
    """Widths of labels and bars. Bars shrink first, and are left out before a label is broken."""
    longest = max(map(cell_len, labels))
    room = width - _SCORE - _GAP
    label = min(room - _GAP - _BAR, max(longest, _LABEL))
    if label >= longest:
        return label, _BAR
    rest = room - _GAP - longest
    return (longest, rest) if rest >= _MIN_BAR else (min(longest, room), 0)


def _show_segments(console: Console, segments: list[dict[str, Any]]) -> None:
    """Neighbouring windows with the same label are merged."""
    labels = [escape_controls(segment["label"] or segment["signal"]) for segment in segments]
    if len(set(labels)) == 1:
        words = f", all {labels[0]}" if len(labels) > 1 else f": {labels[0]}"
    else:
        before = [None, *labels]
        words = ": " + "; ".join(
            f"{label} from {seconds_in_words(segment['start_s'])}"
            for segment, label, last in zip(segments, labels, before, strict=False)
            if label != last
        )
    show_sentence(console, f"{count(len(segments), 'window')}{words}")


def _show_attention(
    console: Console, result: Classification, attention: AttentionStats, *, every: bool
) -> None:
    narrow = console.width < _NARROW
    table = plain_table()
    elements = result.byte_array["elements"]
    figures = ("#", "sees", "each latent", "top 1%", "peak", "shift")
    for name in figures[:2] if narrow else figures:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("looked at most", overflow="fold")
    for number, stats in enumerate(attention.cross_attends, 1):
        row = (
            str(number),
            share_seen(stats, elements),
            f"{stats.effective_elements:,.1f}",
            f"{stats.mass_top_1pct:.0%}",
            f"{stats.peak:.3f}",
            "" if stats.drift_bits is None else f"{stats.drift_bits:.2f}",
        )
        room = console.width - (_FEW_NUMBERS if narrow else _NUMBERS)
        table.add_row(*(row[:2] if narrow else row), _where(stats, room))
    show(console, table)
    show_sentence(console, attention_in_words(result, every=every))


def _where(stats: CrossAttendStats, width: int) -> Text:
    """The heaviest region and, if there are several streams, the share of each."""
    lines = []
    if stats.focus:
        heaviest = stats.focus[0]
        words = f"{region_in_words(heaviest.where)} ({heaviest.mass:.0%})"
        lines += fill(words.split(", "), width)
    if len(stats.share) > 1:
        lines += fill([f"{stream} {share:.0%}" for stream, share in stats.share.items()], width)
    return Text("\n".join(lines))
