"""PTX, the scans of Leica's programs: grids of points, each with its pose in the world."""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np

from perceiver_cli.array_types import FloatArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.rows import RowReader
from perceiver_cli.media.shapes.shape import GrowingArray, Shape
from perceiver_cli.media.text import line_blocks

_NUMBER = r"[-+]?\d[\d.]*(?:[eE][-+]?\d+)?"
_GAP = r"[ \t]+"
_OF_THREE, _OF_FOUR = (rf"[ \t]*{_GAP.join([_NUMBER] * count)}[ \t]*\n" for count in (3, 4))
_HEADER = re.compile(rf"\s*\d+[ \t]*\n[ \t]*\d+[ \t]*\n(?:{_OF_THREE}){{4}}(?:{_OF_FOUR}){{4}}")


def is_ptx(text: str) -> bool:
    """Whether a text begins as a PTX file: two counts, four lines of three numbers, four of four.

    The lines end in a line feed.
    """
    return _HEADER.match(text) is not None


def read_ptx(stream: BinaryIO) -> Shape:
    """All scans of a PTX file in the coordinates of the world.

    Directions in which nothing was hit are stored as 0 0 0 and give no point.

    Raises:
        InputError: "corrupt" for damage, "too_large".
    """
    lines = RowReader(line_blocks(stream))
    points = GrowingArray(3, np.float64)
    while lines.more():
        columns, rows = _matrix(lines, 2, 1)[:, 0]
        if not (columns >= 0 and rows >= 0):
            raise InputError("corrupt", "the header of a PTX scan is damaged")
        _matrix(lines, 4, 3)  # the scanner's pose
        world = _matrix(lines, 4, 4)
        for block in lines.take(int(columns * rows), "points"):
            found = block.columns(0, 1, 2)
            found = found[(found != 0).any(axis=1)]
            points.append(found @ world[:3, :3] + world[3, :3])
    return Shape(points.rows())


def _matrix(lines: RowReader, rows: int, columns: int) -> FloatArray:
    """The next lines as float64 [rows, columns]."""
    found = [block.columns(*range(columns)) for block in lines.take(rows, "lines of the header")]
    return np.concatenate(found)
