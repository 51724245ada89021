"""The shortest output, for shells: path, tab, label, tab, level."""

from __future__ import annotations

from typing import IO

from perceiver_cli.report.words import escape_controls
from perceiver_cli.results import Result


class LabelsWriter:
    """One line for every classified input: two tabs, no other control character.

    The label is that of the answer, the level is class, group or kind; both are empty without an
    answer. Failed inputs have no line; stderr names them.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def begin(self) -> None:
        """Writes nothing before the first line."""

    def write(self, result: Result) -> None:
        """Writes and flushes one line."""
        if not result.ok:
            return
        label, level = (result.answer.label, result.answer.level) if result.answer else ("", "")
        self.stream.write(f"{escape_controls(result.path)}\t{escape_controls(label)}\t{level}\n")
        self.stream.flush()

    def end(self) -> None:
        """Writes nothing after the last line."""
