"""The data of an ASCII PLY file: one line per record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import IntegerArray
from perceiver_cli.media.shapes.ply_header import Element
from perceiver_cli.media.shapes.rows import RowReader, Rows
from perceiver_cli.media.shapes.shape import GrowingArray, as_indices
from perceiver_cli.media.text import line_blocks


class TextReader:
    """The elements of an ASCII body, which have to be read in the order of the header.

    Every method raises InputError("corrupt") if the file ends before the element does.
    """

    def __init__(self, body: BinaryIO) -> None:
        self._lines = RowReader(line_blocks(body))

    def values(self, element: Element, indices: Sequence[int]) -> npt.NDArray[Any]:
        """Properties that are not lists: float64 [records, len(indices)]."""
        found = GrowingArray(len(indices), np.float64)
        for rows in self._take(element):
            columns = [_from_property(rows, element, index).columns(0) for index in indices]
            found.append(np.concatenate(columns, axis=1))
        return found.rows()

    def lists(self, element: Element, index: int) -> Iterator[tuple[IntegerArray, IntegerArray]]:
        """One list of each record, some records at a time: their values [C] and lengths [R]."""
        for rows in self._take(element):
            corners, sizes = _from_property(rows, element, index).lists(0)
            yield as_indices(corners), sizes

    def skip(self, element: Element) -> None:
        """Skips an element."""
        for _ in self._take(element):
            pass

    def _take(self, element: Element) -> Iterator[Rows]:
        count = element.count if element.properties else 0
        return self._lines.take(count, f"{element.name} lines")


def _from_property(rows: Rows, element: Element, index: int) -> Rows:
    """The rest of each line from a property on; earlier lists may differ in length."""
    for each in element.properties[:index]:
        length = as_indices(rows.columns(0)[:, 0]) if each.length is not None else 0
        rows = Rows(rows.values, rows.starts + 1 + length, rows.counts - 1 - length)
    return rows
