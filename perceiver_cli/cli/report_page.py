"""The page of `classify --report` and `perceiver report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.cli.output import check_writable, is_file, open_output
from perceiver_cli.errors import UsageError

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.report.page import Card
    from perceiver_cli.results import Result


_ENDINGS = (".html", ".htm")


class ReportPage:
    """A report in the making: its cards are kept, and written at the end.

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
                raise UsageError(f"{path}: end it in one of {', '.join(_ENDINGS)}")
            check_writable(path)
        self.path = path
        self._cards: list[Card] = []
        self._about: set[str] = set()

    def add(self, result: Result, explanation: Explanation | None) -> None:
        """Adds a result.

        Args:
            result: The result.
            explanation: What the thumbnails are made of; None: there are none.
        """
        from perceiver_cli.report.drawings.thumbnail import thumbnail
        from perceiver_cli.report.page import THUMBNAIL_SIDE, card

        drawn = thumbnail(explanation, THUMBNAIL_SIDE) if explanation else None
        method = explanation.method if explanation else None
        number = len(self._cards) + 1
        self._cards.append(card(number, result, drawn, self.path.parent, method))
        if explanation:
            self._about.add(explanation.about)

    def write(self) -> None:
        """The page, in place of what was there before."""
        from perceiver_cli.report.page import render

        text = render(self._cards, " ".join(sorted(self._about)))
        with open_output(self.path) as stream:
            stream.write(text)
