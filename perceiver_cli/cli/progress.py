"""A progress bar on stderr, for people who would otherwise see nothing for a while."""

from __future__ import annotations

import sys
from typing import Any


class Bar:
    """Counts what is done, on a terminal; elsewhere, or unwanted, it does nothing.

    Args:
        total: How many inputs there are; None while nobody knows.
        wanted: Whether to show anything.
        task: What is being done.
    """

    def __init__(
        self, total: int | None, *, wanted: bool = True, task: str = "Classifying"
    ) -> None:
        self._bar: Any = None
        if wanted and sys.stderr.isatty():
            self._bar = _build()
            self._task = self._bar.add_task(task, total=total)

    def __enter__(self) -> Bar:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def shown(self) -> bool:
        """Whether anybody sees it."""
        return self._bar is not None

    def set_total(self, total: int) -> None:
        """Says how many inputs there are. May be called by another thread."""
        if self._bar:
            self._bar.update(self._task, total=total)

    def advance(self) -> None:
        """One more input is done."""
        if self._bar:
            self._bar.advance(self._task)


def _build() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    )
