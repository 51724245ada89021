"""The shortest answer, made for shells: path, tab, label."""

from __future__ import annotations

from typing import IO

from perceiver_cli.report.words import printable
from perceiver_cli.results import Result


class LabelsWriter:
    """One line for every input that was classified: exactly one tab, no other control character.

    The label is empty where no class reaches the score asked for. Failed inputs have no line;
    stderr names them.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def begin(self) -> None:
        """Nothing comes before the first line."""

    def write(self, result: Result) -> None:
        """One line, flushed."""
        if not result.ok:
            return
        label = result.predictions[0].label if result.predictions else ""
        self.stream.write(f"{printable(result.path)}\t{printable(label)}\n")
        self.stream.flush()

    def end(self) -> None:
        """Nothing comes after the last line."""
