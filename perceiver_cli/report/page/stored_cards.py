"""Stores the cards of a page in a temporary file, because many would not fit into memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceiver_cli.report.page import Card


@dataclass(frozen=True, slots=True)
class CardSummary:
    """The fields of a card that the page's overview needs.

    Attributes:
        number: Its position on the page, from 1.
        path: The path of the file for people.
        state: "sure" with an answer, "unsure" without one, "empty" without a signal or requested
            classes of its model, or "failed".
        modality: Its modality.
        label: The label of the answer, or the reason why there is none.
        answer: The answer with its score, or a guess.
        score: The score of the answer or of the best prediction.
        message: The error, if it failed.
    """

    number: int
    path: str
    state: str
    modality: str = "unknown"
    label: str = ""
    answer: str = ""
    score: float = 0.0
    message: str = ""


class StoredCards:
    """Cards in an unnamed temporary file, which is removed by `close` or at the end of the process.

    Args:
        folder: The folder of the file; None: the system's folder for temporary files.

    Attributes:
        summaries: One summary per card, in the order of `add`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.summaries: list[CardSummary] = []
        self._offsets: dict[int, int] = {}
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115

    def add(self, card: Card) -> None:
        """Stores a card. Raises OSError where it cannot be written."""
        self.summaries.append(CardSummary(*(getattr(card, f.name) for f in fields(CardSummary))))
        self._offsets[card.number] = self._file.tell()
        pickle.dump(card, self._file)

    def read(self, summaries: Iterable[CardSummary]) -> Iterator[Card]:
        """Yields the cards of these summaries one at a time."""
        for summary in summaries:
            self._file.seek(self._offsets[summary.number])
            yield pickle.load(self._file)

    def close(self) -> None:
        """Removes the file."""
        self._file.close()
