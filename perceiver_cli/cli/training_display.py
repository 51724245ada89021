"""The display of a running training."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from perceiver_cli.report.terminal import console_for, show
from perceiver_cli.report.words import count, escape_controls
from perceiver_cli.training.data.usage import ClassUsage, LeftOut
from perceiver_cli.training.loop import Progress
from perceiver_cli.training.run import Listener

if TYPE_CHECKING:
    from rich.progress import TaskID
    from rich.table import Table
    from rich.text import Text

# Number of classes above which only those with left-out files are listed.
_CLASSES = 20

# Maximum number of left-out files that are named.
_NAMED = 10


class TrainingDisplay(Listener):
    """Prints progress on stderr: a live bar on a terminal, otherwise a line every minute."""

    def __enter__(self) -> TrainingDisplay:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        console = Console(stderr=True)
        self._live = console.is_terminal
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not self._live,
        )
        self._bar.start()
        self._tasks: dict[str, TaskID] = {}
        self._loss: float | None = None
        self._told_s = 0.0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def decoded(self, stage: str, done: int, total: int) -> None:
        """Shows that another file of a stage is decoded."""
        self._show(f"Decoding {stage}", done / total, f"{done}/{total}")

    def checked(self, usage: list[ClassUsage], left_out: list[LeftOut]) -> None:
        """Prints a table of the classes, and the left-out files with reasons."""
        from rich.text import Text

        from perceiver_cli.report.terminal import plain_table

        table = plain_table()
        table.add_column("class", overflow="ellipsis", no_wrap=True)
        for heading in ("training", "held out", "passed over", "broken"):
            table.add_column(heading, justify="right", no_wrap=True)
        everything = len(usage) <= _CLASSES
        shown = [u for u in usage if everything or u.passed_over or u.broken or not u.training]
        for entry in shown[:_CLASSES]:
            _add_row(table, Text(escape_controls(entry.label)), [entry])
        if not everything:
            _add_row(table, Text(f"all {len(usage):,} classes", style="bold"), usage)
        console = self._bar.console if self._live else console_for(sys.stderr)
        show(console, table)
        for left in left_out[:_NAMED]:
            kind = left.kind.replace("_", " ")
            sys.stderr.write(escape_controls(f"{kind}: {left.path}: {left.reason}") + "\n")
        if len(left_out) > _NAMED:
            sys.stderr.write(f"and {count(len(left_out) - _NAMED, 'more file')} left out\n")

    def stepped(self, progress: Progress) -> None:
        """Shows that another training step is done."""
        known = self._loss
        self._loss = progress.loss if known is None else 0.98 * known + 0.02 * progress.loss
        note = f"step {progress.step}  loss {self._loss:.3f}  {progress.items_per_s:.0f} items/s"
        self._show("Training", progress.share, note)
        if not self._live and progress.elapsed_s - self._told_s >= 60:
            self._told_s = progress.elapsed_s
            sys.stderr.write(f"{progress.elapsed_s / 60:6.1f} min  {note}\n")

    def _show(self, name: str, share: float, note: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=1.0, note="")
        self._bar.update(self._tasks[name], completed=share, note=note)


def _add_row(table: Table, name: Text, usage: list[ClassUsage]) -> None:
    figures = (
        sum(entry.training for entry in usage),
        sum(entry.held_out for entry in usage),
        sum(entry.passed_over for entry in usage),
        sum(entry.broken for entry in usage),
    )
    table.add_row(name, *(f"{figure:,}" if figure else "-" for figure in figures))
