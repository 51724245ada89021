"""Additional outputs of `classify`: attention drawings, heat maps in the terminal, a report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.atomic import atomic_write
from perceiver_cli.cli.output import check_takes_files, errors_naming
from perceiver_cli.cli.replaced_inputs import InputFiles
from perceiver_cli.cli.report_page import ReportPage
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.decoding.items import Item, PreparedItem
from perceiver_cli.preparation.base import LARGE_PREVIEW, SMALL_PREVIEW
from perceiver_cli.report.words import display_path

if TYPE_CHECKING:
    from perceiver_cli.choices import Method
    from perceiver_cli.cli.selection import Selection
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.results import Result

# The largest heat map in a terminal.
_COLUMNS, _ROWS = 64, 16

# Maximum bytes of a name, so that a number, an extension and what a temporary name adds fit into
# the usual limit of 255.
_MAX_NAME = 224


class ExplanationOutputs:
    """Drawings, heat maps and the report page, in addition to the results.

    Args:
        folder: The folder of the drawings, one per input; None: no drawings.
        show: Whether to print a heat map after each table.
        page: The file of the report; None: no report.
        method: The method of explanation; None: that of each model's card.
        selection: The inputs, which drawings must not overwrite.

    Raises:
        UsageError: The folder cannot be created, or is not writable.
    """

    def __init__(
        self,
        folder: Path | None,
        show: bool,
        page: Path | None,
        method: Method | None,
        selection: Selection,
    ) -> None:
        self.folder, self.show, self.method = folder, show, method
        self.page = ReportPage(page) if page else None
        self._names: set[str] = set()
        self._inputs = InputFiles(selection)
        if folder:
            _make_folder(folder)

    @property
    def preview_sides(self) -> tuple[int, int]:
        """Minimum sides of loaded pictures and frames; see Preparer.preview_sides."""
        return LARGE_PREVIEW if self.folder else SMALL_PREVIEW

    @property
    def written(self) -> Iterator[Path]:
        """The folder of drawings, if any was drawn, and the report."""
        if self.folder and self._names:
            yield self.folder
        if self.page:
            yield self.page.path

    def explain(
        self, item: Item, result: Result, classifier: Classifier
    ) -> tuple[Result, Explanation | None]:
        """Explains a result, and draws the explanation if there is a folder for that.

        Args:
            item: The item that the result was predicted from.
            result: The result.
            classifier: The classifier that predicted it.

        Returns:
            The result, which names the drawing if there is one, and its explanation; None if
            there is nothing to explain.

        Raises:
            OSError: The drawing cannot be written.
        """
        if not result.ok or not isinstance(item, PreparedItem) or not item.has_signal:
            return result, None
        from perceiver_cli.explain.explanation import explain_item

        explanation = explain_item(item, result, classifier.engine_of(item), self.method)
        if self.folder:
            result = replace(result, explained=str(self._draw(explanation, self.folder)))
        return result, explanation

    def add(self, result: Result, explanation: Explanation | None) -> None:
        """Shows a result below its table and on the page.

        Args:
            result: The result.
            explanation: What `explain` gave for it.
        """
        if explanation and self.show:
            _show(explanation)
        if self.page:
            self.page.add(result, explanation)

    def end(self) -> None:
        """Writes the report."""
        if self.page:
            self.page.write()

    def _draw(self, explanation: Explanation, folder: Path) -> Path:
        from perceiver_cli.report.drawings.overlay import ENDING, overlay

        path = folder / self._name(explanation.result.path, ENDING, folder)
        drawing = overlay(explanation)
        with errors_naming(path), atomic_write(path) as part:
            part.write_bytes(drawing)
        return path

    def _name(self, path: str, ending: str, folder: Path) -> str:
        """A name for the drawing from that of the file, numbered if the name is already used."""
        stem = "standard-input" if path == "-" else display_path(Path(path).name)
        stem = stem.encode()[:_MAX_NAME].decode(errors="ignore")
        number, name = 1, f"{stem}{ending}"
        while name.casefold() in self._names or (folder / name) in self._inputs:
            number += 1
            name = f"{stem}-{number}{ending}"
        self._names.add(name.casefold())
        return name


def _show(explanation: Explanation) -> None:
    """Prints the heat map below the table, and what the method shows."""
    from perceiver_cli.report.blocks import show_blocks
    from perceiver_cli.report.drawings.thumbnail import thumbnail
    from perceiver_cli.report.terminal import console_for, show_sentence

    console = console_for(sys.stdout)
    console.print()
    drawn = thumbnail(explanation, 2 * _COLUMNS)
    show_blocks(console, drawn.heat, _COLUMNS, _ROWS)
    if drawn.caption:
        show_sentence(console, drawn.caption, "dim")
    show_sentence(console, explanation.about, "dim")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create {folder}: {error.strerror}") from None
    check_takes_files(folder, folder)
