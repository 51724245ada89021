"""A progress bar on stderr."""

from __future__ import annotations

import sys
from typing import Any


class Bar:
    """Counts finished inputs on a terminal; elsewhere, or if not wanted, it does nothing.

    Args:
        total: Number of inputs; None if unknown.
        wanted: Whether to show it.
        task: The name of the task.
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
        """Counts one more input."""
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
