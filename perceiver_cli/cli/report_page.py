"""The page of `classify --report` and `perceiver report`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.cli.output import check_writable, is_file, open_output
from perceiver_cli.errors import UsageError

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.report.page.stored_cards import StoredCards
    from perceiver_cli.results import Result


_ENDINGS = (".html", ".htm")


class ReportPage:
    """A report in the making: its cards are kept in a temporary file, and written at the end.

    Args:
        path: The file of the page.

    Raises:
        UsageError: The name is not that of a page, or its folder does not exist or is not
            writable.
    """

    def __init__(self, path: Path) -> None:
        # Checked now, not after an hour of work.
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
            explanation: What the thumbnails are made of; None: there are none.

        Raises:
            OSError: There is no room for it.
        """
        from perceiver_cli.report.drawings.thumbnail import thumbnail
        from perceiver_cli.report.page import THUMBNAIL_SIDE, card

        drawn = thumbnail(explanation, THUMBNAIL_SIDE) if explanation else None
        method = explanation.method if explanation else None
        cards = self._stored()
        number = len(cards.summaries) + 1
        cards.add(card(number, result, drawn, self.path.parent, method))
        if explanation:
            self._about.add(explanation.about)

    def write(self) -> None:
        """The page, in place of what was there before."""
        from perceiver_cli.report.page import render

        with closing(self._stored()) as cards, open_output(self.path) as stream:
            stream.writelines(render(cards, " ".join(sorted(self._about))))

    def _stored(self) -> StoredCards:
        """The cards until now, beside the page: there will be room for both."""
        if self._cards is None:
            from perceiver_cli.report.page.stored_cards import StoredCards

            self._cards = StoredCards(self.path.resolve().parent if is_file(self.path) else None)
        return self._cards
