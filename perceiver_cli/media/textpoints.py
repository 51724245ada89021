"""Text tables of points (XYZ, PTS, CSV, TSV): recognising their layout and reading them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from perceiver_cli.errors import InputError

# Tables without a header that are wider than this are not coordinates with colours and normals.
MAX_COLUMNS = 16

_COMMENTS = ("#", "//", "%")
_SAMPLE_LINES = 200
_AXIS_NAME = re.compile(
    r"(?:p|pos|position|point|coord|coordinate)?[ _.:-]*([xyz])(?:[ _]*[(\[].*)?"
)
_ATOM = re.compile(r"[A-Z][a-z]?(\s+[-+.\deE]+){3}")


@dataclass(frozen=True)
class TextLayout:
    """Where x, y, z stand in a line; separator None means any white space."""

    separator: str | None
    columns: tuple[int, int, int]
    decimal_comma: bool = False
    named: bool = False

    def __str__(self) -> str:
        kind = {",": "comma", ";": "semicolon", "\t": "tab", None: "space"}[self.separator]
        how = "columns named x, y, z" if self.named else "columns of numbers"
        return f"{kind}-separated text with {how}"

    def point(self, line: str) -> list[float] | None:
        """The x, y, z of a line, or None if it does not hold them."""
        cells = line.split(self.separator)
        if len(cells) <= max(self.columns):
            return None
        numbers = [_number(cells[column], self.decimal_comma) for column in self.columns]
        return None if None in numbers else numbers


def find_layout(text: str) -> TextLayout | None:
    """The layout of the table of points whose beginning is `text` (whole lines), or None.

    Raises InputError("unsupported") if it is a table of something else.
    """
    lines = [line.strip() for line in text.splitlines()[:_SAMPLE_LINES]]
    lines = [line for line in lines if line]
    named = _title_in_comment(lines)
    lines = [line for line in lines if not line.startswith(_COMMENTS)]
    if lines and lines[0].isdigit():
        if len(lines) > 2 and all(_ATOM.match(line) for line in lines[2:]):
            raise InputError("unsupported", "looks like a molecule (chemical XYZ), not a shape")
        lines = lines[1:]
    if named:
        lines.insert(0, named)
    problem = None
    for separator in (";", "\t", ",", None):
        try:
            layout = _layout_with(lines, separator)
        except InputError as error:
            problem = problem or error
            continue
        if layout:
            return layout
    if problem:
        raise problem
    return None


def read_text_points(stream: BinaryIO, layout: TextLayout, encoding: str) -> np.ndarray:
    """float64 [N, 3] from all lines that hold a point; other lines are left out."""
    points = []
    for line in io.TextIOWrapper(stream, encoding=encoding, errors="replace"):
        if not line.startswith(_COMMENTS):
            point = layout.point(line)
            if point:
                points.append(point)
    return np.array(points, np.float64).reshape(-1, 3)


def _layout_with(lines: list[str], separator: str | None) -> TextLayout | None:
    rows = [[cell.strip() for cell in line.split(separator)] for line in lines]
    if not rows or min(map(len, rows)) < 2:
        return None
    comma = separator != "," and not any("." in line for line in lines[1:])
    has_title = any(_number(cell, comma) is None for cell in rows[0][:3])
    body = rows[1:] if has_title else rows
    width = min(map(len, body), default=0)
    if not body or (has_title and len(rows[0]) > max(map(len, body))):
        return None
    named = _named_columns(rows[0]) if has_title else None
    columns = named or (0, 1, 2)
    numeric = max(columns) < width and all(
        _number(row[column], comma) is not None for row in body for column in columns
    )
    if numeric and (named or (not has_title and width <= MAX_COLUMNS)):
        return TextLayout(separator, columns, comma, named is not None)
    tabular = len(rows) > 2 and len({len(row) for row in rows}) == 1
    if not tabular or (separator is None and not _all_numbers(body, comma)):
        return None
    if has_title:
        titles = ", ".join(rows[0][:6]) + (", …" if len(rows[0]) > 6 else "")
        raise InputError("unsupported", f"looks like a table ({titles}) without x, y, z columns")
    raise InputError(
        "unsupported",
        f"looks like a table of {width} columns; points need three columns of numbers",
    )


def _title_in_comment(lines: list[str]) -> str | None:
    """A first comment such as "//X Y Z R G B" or "# x,y,z" without its marker."""
    if not lines or not lines[0].startswith(_COMMENTS):
        return None
    title = lines[0].lstrip("#/% ")
    cells = re.split(r"[;,\t ]+", title)
    return title if _named_columns(cells) and len(cells) <= MAX_COLUMNS else None


def _named_columns(titles: list[str]) -> tuple[int, int, int] | None:
    found: dict[str, int] = {}
    for index, title in enumerate(titles):
        match = _AXIS_NAME.fullmatch(title.strip(" \"'#/").lower())
        if match:
            found.setdefault(match[1], index)
    return (found["x"], found["y"], found["z"]) if len(found) == 3 else None


def _all_numbers(rows: list[list[str]], comma: bool) -> bool:
    return all(_number(cell, comma) is not None for row in rows for cell in row)


def _number(cell: str, decimal_comma: bool) -> float | None:
    try:
        return float(cell.strip(" \"'").replace(",", ".") if decimal_comma else cell.strip(" \"'"))
    except ValueError:
        return None
