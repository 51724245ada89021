"""Beside the output of `classify`: attention pictures, heat maps in the terminal, a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.cli.output import open_output
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.decoding.items import Item, PreparedItem
from perceiver_cli.preparation.base import LARGE_PREVIEW, SMALL_PREVIEW
from perceiver_cli.report.words import display_path

if TYPE_CHECKING:
    from perceiver_cli.choices import Method
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.report.page import Card
    from perceiver_cli.results import Result

# Of the heat map in a terminal, at most.
_COLUMNS, _ROWS = 64, 16

# Bytes that leave room for a number and an ending in the 255 that file systems take.
_LONGEST_NAME = 240


class Views:
    """What is shown of each result beside the output.

    Args:
        folder: For an attention picture of each input.
        show: Whether to print a heat map after each table.
        page: Where the report goes.
        method: How answers are explained; None is each model's own.

    Raises:
        UsageError: The folder cannot be made.
    """

    def __init__(
        self, folder: Path | None, show: bool, page: Path | None, method: Method | None
    ) -> None:
        self.folder, self.show, self.method = folder, show, method
        self.page = Page(page) if page else None
        self._names: set[str] = set()
        self._explanation: Explanation | None = None
        if folder:
            _make_folder(folder)

    @property
    def sides(self) -> tuple[int, int]:
        """How large pictures and frames must be loaded; see Preparer.preview_sides."""
        return LARGE_PREVIEW if self.folder else SMALL_PREVIEW

    @property
    def written(self) -> Iterator[Path]:
        """The folder of pictures and the report, where there are any."""
        yield from [self.folder] if self.folder else []
        yield from [self.page.path] if self.page else []

    def explain(self, item: Item, result: Result, classifier: Classifier) -> Result:
        """Explains one more result, in order, and draws it; the result then names the picture.

        Args:
            item: What it was predicted from.
        """
        explanation = None
        if isinstance(item, PreparedItem) and item.signal == "present" and result.ok:
            from perceiver_cli.explain.explanation import explain_item

            engine = classifier.engine_of(item)
            explanation = explain_item(item, result, engine, self.method)
        if explanation and self.folder and result.ok:
            result = replace(result, explained=str(self._draw(explanation, self.folder)))
        self._explanation = explanation
        return result

    def add(self, result: Result) -> None:
        """Shows what was explained last, below its table and on the page."""
        if self._explanation and self.show:
            _show(self._explanation)
        if self.page:
            self.page.add(result, self._explanation)

    def end(self) -> None:
        """Writes the report."""
        if self.page:
            self.page.write()

    def _draw(self, explanation: Explanation, folder: Path) -> Path:
        from perceiver_cli.report.pictures.overlay import ENDING, overlay

        path = folder / self._name(explanation.result.path, ENDING)
        path.write_bytes(overlay(explanation))
        return path

    def _name(self, path: str, ending: str) -> str:
        """A name for the picture, after the file's own; files of the same name are numbered."""
        own = "standard-input" if path == "-" else display_path(Path(path).name)
        own = own.encode()[:_LONGEST_NAME].decode(errors="ignore")
        number, name = 1, f"{own}{ending}"
        while name.casefold() in self._names:
            number += 1
            name = f"{own}-{number}{ending}"
        self._names.add(name.casefold())
        return name


class Page:
    """A report in the making: its cards are kept, and written at the end.

    Raises:
        UsageError: The folder of the file does not exist, or is not writable.
    """

    def __init__(self, path: Path) -> None:
        # Checked now, not after an hour of work.
        if not os.access(path.resolve().parent, os.W_OK):
            raise UsageError(f"cannot write {path}: no such folder, or no permission")
        self.path = path
        self._cards: list[Card] = []
        self._about: set[str] = set()

    def add(self, result: Result, explanation: Explanation | None) -> None:
        """One more, with thumbnails if there is an explanation."""
        from perceiver_cli.report.page import THUMBNAIL_SIDE, card
        from perceiver_cli.report.pictures.thumbnail import thumbnail

        pictures = thumbnail(explanation, THUMBNAIL_SIDE) if explanation else None
        method = explanation.method if explanation else None
        number = len(self._cards) + 1
        self._cards.append(card(number, result, pictures, self.path.parent, method))
        if explanation:
            self._about.add(explanation.about)

    def write(self) -> None:
        """The page, in place of what was there before."""
        from perceiver_cli.report.page import render

        text = render(self._cards, " ".join(sorted(self._about)))
        with open_output(self.path) as stream:
            stream.write(text)


def _show(explanation: Explanation) -> None:
    """The heat under the table, and what the method shows."""
    from rich.text import Text

    from perceiver_cli.report.blocks import show_blocks
    from perceiver_cli.report.pictures.thumbnail import thumbnail
    from perceiver_cli.report.terminal import console_for, show

    console = console_for(sys.stdout)
    console.print()
    show_blocks(console, thumbnail(explanation, 2 * _COLUMNS).heat, _COLUMNS, _ROWS)
    show(console, Text(explanation.about, style="dim"))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}") from None
