"""Results as tables: one in full, or one row for each of many."""

from __future__ import annotations

from typing import IO

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.answer import answer_mark, answer_style, shown_label
from perceiver_cli.report.detail import show_detail
from perceiver_cli.report.overview import Overview
from perceiver_cli.report.terminal import bar, console_for, is_ascii, is_fitted, room_for, show
from perceiver_cli.report.words import (
    display_path,
    escape_controls,
    fill,
    score_in_words,
    shorten,
)
from perceiver_cli.results import Result

_BAR, _MODALITY, _SCORE, _MARK, _GAP = 6, 10, 4, 6, 2
# Narrower terminals leave out the bar, then the modality and the words after the score.
_WIDTH_OF_BAR, _WIDTH_OF_MODALITY = 66, 58

# Signs that replace the words after the score on a narrow terminal.
_SIGNS = {"unsure": "?", "failed": "!"}

# With more rows than this, a summary follows.
_ROWS = 20


class DetailWriter:
    """Writes all facts of each Result. Failed inputs are reported on stderr."""

    def __init__(self, stream: IO[str], verbose: bool = False) -> None:
        self.console = console_for(stream)
        self.verbose = verbose
        self._first = True

    def begin(self) -> None:
        """Writes nothing before the first table."""

    def write(self, result: Result) -> None:
        """Writes the tables of one Result, after an empty line unless it is the first."""
        if not result.ok:
            return
        if not self._first:
            self.console.print()
        self._first = False
        show_detail(self.console, result, self.verbose)
        self.console.file.flush()

    def end(self) -> None:
        """Writes nothing after the last table."""


class RowWriter:
    """A row for each Result, in columns of fixed width, so that each is written at once.

    In a file or pipe no path is shortened: its column is widened from there on.

    Many rows are followed by the most frequent labels and the least sure answers.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.console = console_for(stream)
        self.ascii = is_ascii(self.console)
        self.fitted = is_fitted(self.console)
        width = self.console.width
        self.bar = _BAR if width >= _WIDTH_OF_BAR else 0
        self.wide = width >= _WIDTH_OF_MODALITY
        # The score with its bar, and its remark: a word, or a sign beside the score.
        self.score = _SCORE + (self.bar + 1 if self.bar else 0)
        others = [self.score, *([_MODALITY, _MARK] if self.wide else [1])]
        room = width - sum(others) - _GAP * (len(others) + 1)
        # There is no gap after the last column.
        self.path = max(8, room * (5 if self.wide else 4) // 9)
        self.label = max(8, room - self.path)
        self._overview = Overview()
        self._headed = False

    def begin(self) -> None:
        """Writes nothing: the heading is written with the first row."""

    def write(self, result: Result) -> None:
        """Writes one row."""
        self._overview.add(result)
        path = display_path(result.path)
        if not self.fitted:
            self.path = max(self.path, cell_len(path))
        if not self._headed:
            self._print("file", "modality", "label", bar="score", style="dim")
            self._headed = True
        if not result.ok:
            self._print(path, "-", result.error.kind, "", "failed", style="red")
        elif not result.predictions:
            label = "-" if result.has_signal else f"({result.signal.replace('_', ' ')})"
            self._print(path, result.modality, label)
        else:
            label, score = shown_label(result)
            self._print(
                path,
                result.modality,
                label,
                score_in_words(score),
                answer_mark(result),
                bar(score, self.bar, self.ascii),
                answer_style(result),
            )
        self.console.file.flush()

    def end(self) -> None:
        """Writes the summary of many rows."""
        if self._overview.total <= _ROWS:
            return
        labels, others = self._overview.labels()
        if not labels:
            return
        parts = [f"{number:,} {escape_controls(label)}" for label, number in labels]
        parts += [f"{others:,} other labels"] * bool(others)
        print_line = self.console.file.write
        print_line("\nMost often:\n")
        for line in fill(parts, self.console.width - 2):
            print_line(f"  {line}\n")
        print_line("\nLeast sure:\n")
        for path, label, score in self._overview.least_sure():
            self._print(display_path(path), "", label, score_in_words(score))
        self.console.file.flush()

    def _print(
        self,
        path: str,
        modality: str,
        label: str,
        score: str = "",
        mark: str = "",
        bar: str = "",
        tint: str = "",
        style: str = "",
    ) -> None:
        gap = "..." if self.ascii else "…"
        score = f"{bar:<{self.bar}} {score:>{_SCORE}}" if self.bar else f"{score:>{_SCORE}}"
        figures = Text(score)
        figures.stylize(tint, 0, self.bar)
        shown_label = shorten(escape_controls(label), self.label, gap)
        cells: list[tuple[int, Text]] = [
            (self.path, Text(shorten(path, self.path, gap))),
            (_MODALITY, Text(modality, style="" if style else "dim")),
            (self.label, Text(shown_label, style="" if style else "bold")),
            (self.score, figures),
            (_MARK if self.wide else 1, Text(mark if self.wide else _SIGNS.get(mark, ""))),
        ]
        if not self.wide:
            del cells[1]
        cells[-1][1].stylize(style or tint)
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for width, _ in cells:
            table.add_column(width=width, no_wrap=True, overflow="crop")
        table.add_row(*(text for _, text in cells), style=style)
        with room_for(self.console, sum(width + _GAP for width, _ in cells)):
            show(self.console, table)
