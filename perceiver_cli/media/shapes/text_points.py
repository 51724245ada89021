"""Reading of text tables of points (XYZ, PTS, CSV, TSV); see text_layout.py for their layout."""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np

from perceiver_cli.array_types import FloatArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.rows import read_rows
from perceiver_cli.media.shapes.shape import GrowingArray, Shape, part_in_words
from perceiver_cli.media.shapes.text_layout import SUMMARY, TextLayout, content_lines, find_layout
from perceiver_cli.media.text import decoded_head, line_blocks

_HEAD = 2**16 + 1

# Lines that have to be parsed one by one.
_UNUSUAL = re.compile(rb"[#%]|//|^" + SUMMARY.encode(), re.IGNORECASE | re.MULTILINE)


def read_text_points(stream: BinaryIO) -> Shape:
    """The points of a table, float64 [N, 3], and a note on rows that hold none.

    Raises:
        InputError: "corrupt" if it is not a table of points, "too_large".
    """
    text, encoding = decoded_head(stream.read(_HEAD))
    layout = find_layout(text) if text else None
    if layout is None:
        raise InputError("corrupt", "the text contains no table of points")
    # Bytes outside UTF-8 are kept as they are.
    encoding = encoding if encoding == "latin-1" else "utf-8"
    stream.seek(0)
    points = GrowingArray(3, np.float64)
    rows, titles = 0, layout.titles
    for block in line_blocks(stream):
        found = None if titles else _even_block(block, layout)
        if found is None:
            lines = block.decode(encoding, "replace").split("\n")
            lines = content_lines([line.strip(" ") for line in lines])
            skipped = min(titles, len(lines))
            titles -= skipped
            found = _points_of(lines[skipped:], layout)
        rows += len(found)
        points.append(found[np.isfinite(found).all(axis=1)])
    left_out = rows - points.count
    some = part_in_words(left_out, rows, "rows", "holds", "hold")
    return Shape(points.rows(), notes=(f"{some} no point; left out",) if left_out else ())


def _points_of(lines: list[str], layout: TextLayout) -> FloatArray:
    """float64 [lines, 3]; NaN for lines without a point."""
    nothing = (np.nan,) * 3
    points = [layout.point(line) or nothing for line in lines]
    return np.array(points, np.float64).reshape(-1, 3)


def _even_block(block: bytes, layout: TextLayout) -> FloatArray | None:
    """A faster version for a block whose lines all have the same cells; else None."""
    if _UNUSUAL.search(block):
        return None
    text = block.replace(b'"', b"")
    if layout.separator is not None:
        separator = layout.separator.encode()
        if re.search(rb"[^ \n" + separator + rb"] +[^ \n" + separator + rb"]", text):
            return None  # white space within a cell
        text = text.replace(separator, b" ")
    if layout.decimal_comma:
        text = text.replace(b",", b".")
    elif b"," in text:
        return None
    rows = read_rows(text)
    counts = rows.counts[rows.counts > 0]
    if not len(counts):
        return np.zeros((0, 3))
    cells = int(counts[0])
    if (counts != cells).any() or cells <= max(layout.columns):
        return None
    if layout.separator is not None:
        inside = block.count(layout.separator.encode())
        if inside != (cells - 1) * len(counts):
            return None  # empty cells
    found: FloatArray = rows.columns(*layout.columns)[rows.counts > 0]
    return found
