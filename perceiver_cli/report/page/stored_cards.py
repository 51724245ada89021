"""The cards of a page in a temporary file: with their pictures, many would not fit into memory."""

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
    """What the page's overview needs of a card; see Card.

    Attributes:
        offset: Where the card begins in the file.
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
    """Cards in a file without a name, which ends with `close` or the process.

    Args:
        folder: Where there is room for the file; None: where temporary files lie.

    Attributes:
        summaries: One for each card, in the order in which they came.
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
        """The cards of these summaries, one at a time."""
        for summary in summaries:
            self._file.seek(summary.offset)
            yield pickle.load(self._file)

    def close(self) -> None:
        """Removes the file."""
        self._file.close()
