"""The page of `classify --report` and `perceiver report`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.cli.output import check_writable, errors_naming, is_file, open_output
from perceiver_cli.errors import UsageError

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.report.page.stored_cards import StoredCards
    from perceiver_cli.results import Result


_ENDINGS = (".html", ".htm")


class ReportPage:
    """A report page, written at the end; its cards are kept in a temporary file until then.

    Args:
        path: The file of the page.

    Raises:
        UsageError: The name is not that of a page, or its folder does not exist or is not
            writable.
    """

    def __init__(self, path: Path) -> None:
        # Checked before the work begins.
        if is_file(path):
            if path.suffix.lower() not in _ENDINGS:
                raise UsageError(f"{path}: the file extension must be {' or '.join(_ENDINGS)}")
            check_writable(path)
        self.path = path
        self._cards: StoredCards | None = None
        self._about: set[str] = set()

    def add(self, result: Result, explanation: Explanation | None) -> None:
        """Adds a result.

        Args:
            result: The result.
            explanation: The explanation for the thumbnails; None: no thumbnails.

        Raises:
            OSError: The disk is full.
        """
        from perceiver_cli.report.drawings.thumbnail import thumbnail
        from perceiver_cli.report.page import THUMBNAIL_SIDE, card

        drawn = thumbnail(explanation, THUMBNAIL_SIDE) if explanation else None
        method = explanation.method if explanation else None
        with errors_naming(self.path):
            cards = self._stored()
            number = len(cards.summaries) + 1
            cards.add(card(number, result, drawn, self.path.parent, method))
        if explanation:
            self._about.add(explanation.about)

    def write(self) -> None:
        """Writes the page; an existing file is replaced. Raises OSError where it has no room."""
        from perceiver_cli.report.page import render

        with (
            errors_naming(self.path),
            closing(self._stored()) as cards,
            open_output(self.path) as stream,
        ):
            stream.writelines(render(cards, " ".join(sorted(self._about))))

    def _stored(self) -> StoredCards:
        """The cards until now, on the disk of the page, which must have room for both."""
        if self._cards is None:
            from perceiver_cli.report.page.stored_cards import StoredCards

            self._cards = StoredCards(self.path.resolve().parent if is_file(self.path) else None)
        return self._cards
