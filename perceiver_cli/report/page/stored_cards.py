"""Stores the cards of a page in a temporary file, because many would not fit into memory."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceiver_cli.report.page import Card


@dataclass(frozen=True, slots=True)
class CardSummary:
    """The fields of a card that the page's overview needs; see Card.

    Attributes:
        offset: Position of the card in the file.
    """

    number: int
    path: str
    state: str
    modality: str
    label: str
    answer: str
    score: float
    message: str
    offset: int


class StoredCards:
    """Cards in an unnamed temporary file, which is removed by `close` or at the end of the process.

    Args:
        folder: The folder of the file; None: the system's folder for temporary files.

    Attributes:
        summaries: One summary per card, in the order of `add`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.summaries: list[CardSummary] = []
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115

    def add(self, card: Card) -> None:
        """Stores a card. Raises OSError where it cannot be written."""
        self.summaries.append(
            CardSummary(
                card.number,
                card.path,
                card.state,
                card.modality,
                card.label,
                card.answer,
                card.score,
                card.message,
                self._file.tell(),
            )
        )
        pickle.dump(card, self._file)

    def read(self, summaries: Iterable[CardSummary]) -> Iterator[Card]:
        """Yields the cards of these summaries one at a time."""
        for summary in summaries:
            self._file.seek(summary.offset)
            yield pickle.load(self._file)

    def close(self) -> None:
        """Removes the file."""
        self._file.close()
