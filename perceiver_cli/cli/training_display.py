"""What a person sees while a training runs."""

from __future__ import annotations

import sys
from typing import Any

from perceiver_cli.training.loop import Progress
from perceiver_cli.training.run import Listener


class TrainingDisplay(Listener):
    """On stderr: a live bar on a terminal, a line every minute elsewhere."""

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
        self._tasks: dict[str, Any] = {}
        self._loss: float | None = None
        self._told_s = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def decoded(self, stage: str, done: int, total: int) -> None:
        """One more file of a stage is decoded."""
        self._show(f"Decoding {stage}", done / total, f"{done}/{total}")

    def stepped(self, progress: Progress) -> None:
        """One more training step is done."""
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
