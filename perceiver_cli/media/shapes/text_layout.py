"""The layout of text tables of points (XYZ, PTS, CSV, TSV): which columns are x, y and z."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass

from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.media.shapes.rows import as_number
from perceiver_cli.media.text import printable

# Tables without a header that are wider than this are not coordinates with colours and normals.
MAX_COLUMNS = 16

_COMMENT = re.compile(r"(?!#n/a)(?:#|//|%)", re.IGNORECASE)

_MAX_COLOUR = 255

_SAMPLE_LINES = 200
_TITLE_LINES = 10
_SEPARATORS = (";", "\t", ",", None)

_AXIS_NAME = re.compile(
    r"(?:p|pos|position|points?|coord|coords|coordinate|world|global|local)?[ _.:-]*([xyz])"
    r"(?:[ _-]*(?:coord|coords|coordinate|coordinates|pos|position|m|mm|cm))?(?:[ _]*[(\[].*)?"
)
_NUMBERED_AXIS = re.compile(r"(?:points?|position|coords?|coordinates?|xyz)[ _:.(\[]*([012])[)\]]?")
_SURVEY = {
    **{"easting": "x", "east": "x", "northing": "y", "north": "y"},
    **{"elevation": "z", "elev": "z", "height": "z", "altitude": "z"},
}
_ATOM = re.compile(r"[A-Z][a-z]?(\s+[-+.\deE]+){3}")
_EXCEL_HINT = re.compile(r"sep=(.)", re.IGNORECASE)

# Texts that programs write for a missing value.
_MISSING = frozenset(
    {"", "-", "--", "?", ".", "*", "na", "n/a", "#n/a", "nan", "null", "nil", "none", "nodata"}
)
# The beginning of a row that sums up the others.
SUMMARY = r"[\"'\s]*(?:grand |sub)?(?:total|sum|mean|average|avg|count|min|max|std|median)"
_SUMMARY = re.compile(rf"{SUMMARY}s?\b", re.IGNORECASE)


@dataclass(frozen=True)
class TextLayout:
    """Which cells of a line are x, y and z.

    Attributes:
        separator: What separates the cells of a line; None: any white space.
        columns: The indices of x, y and z.
        decimal_comma: Whether the decimal sign is a comma.
        named: Whether a header names the columns.
        titles: Number of lines, without blank ones and comments, before the first point.
    """

    separator: str | None
    columns: tuple[int, int, int]
    decimal_comma: bool = False
    named: bool = False
    titles: int = 0

    def __str__(self) -> str:
        kind = {",": "comma", ";": "semicolon", "\t": "tab", None: "space"}[self.separator]
        how = "columns named x, y, z" if self.named else "columns of numbers"
        return f"{kind}-separated text with {how}"

    def point(self, line: str) -> tuple[float, ...] | None:
        """The x, y, z of a line, or None if it does not have three finite numbers."""
        cells = split_cells(line, self.separator)
        if len(cells) <= max(self.columns) or _SUMMARY.match(line):
            return None
        numbers = tuple(_number(cells[column], self.decimal_comma) for column in self.columns)
        return numbers if all(map(math.isfinite, numbers)) else None


def find_layout(text: str) -> TextLayout | None:
    """The layout of the table of points that begins with `text` (whole lines), or None.

    Raises:
        NotMediaError: It is another table.
    """
    lines = [line.strip(" ") for line in re.split(r"\r\n|\r|\n", text)[: 2 * _SAMPLE_LINES]]
    named = _title_in_comment([line for line in lines if line.strip()])
    lines = content_lines(lines)[:_SAMPLE_LINES]
    titles = 0
    separators: tuple[str | None, ...] = _SEPARATORS
    if lines and (hint := _EXCEL_HINT.fullmatch(lines[0])):
        separators = tuple(each for each in _SEPARATORS if each == hint[1]) or separators
        lines, titles = lines[1:], 1
    if lines and lines[0].isdigit():  # how many points there are
        if len(lines) > 2 and all(_ATOM.match(line) for line in lines[2:]):
            raise NotMediaError("unsupported", "looks like a molecule (chemical XYZ), not a shape")
        lines, titles = lines[1:], titles + 1
    if named:
        lines.insert(0, named)
        titles -= 1
    problem = None
    for separator in separators:
        try:
            layout = _layout_with(lines, separator, titles)
        except InputError as error:
            problem = problem or error
            continue
        if layout:
            return layout
    if problem:
        raise problem
    return None


def content_lines(lines: list[str]) -> list[str]:
    """The lines that are neither blank nor comments."""
    return [line for line in lines if line.strip() and not _COMMENT.match(line)]


def split_cells(line: str, separator: str | None) -> list[str]:
    """The cells of a line; quoted ones may contain the separator."""
    if separator and '"' in line:
        return next(csv.reader([line], delimiter=separator), [])
    return line.split(separator)


def _layout_with(lines: list[str], separator: str | None, titles: int) -> TextLayout | None:
    rows = [[cell.strip() for cell in split_cells(line, separator)] for line in lines]
    if not rows or 2 * sum(len(row) > 1 for row in rows) < len(rows):
        return None
    header = next((i for i, row in enumerate(rows[:_TITLE_LINES]) if _named_columns(row)), None)
    if header is not None:
        columns = _named_columns(rows[header])
        assert columns
        return _named_layout(lines, rows, separator, columns, header, titles)
    return _unnamed_layout(lines, rows, separator, titles)


def _named_layout(
    lines: list[str],
    rows: list[list[str]],
    separator: str | None,
    columns: tuple[int, int, int],
    header: int,
    titles: int,
) -> TextLayout | None:
    begin = header + 1
    # A line of units may follow the names.
    while begin < len(rows) and not any(character.isdigit() for character in lines[begin]):
        if begin == header + 3 or not any(rows[begin]):
            break
        begin += 1
    comma = _has_decimal_commas(lines[header + 1 :], separator)
    layout = TextLayout(separator, columns, comma, True, titles + begin)
    points = sum(layout.point(line) is not None for line in lines[begin:])
    if points >= min(4, max(1, (len(rows) - begin) / 2)):
        return layout
    if len(rows) > header + 1 and separator:
        raise NotMediaError(
            "unsupported", "looks like a table whose x, y and z columns contain no numbers"
        )
    return None


def _unnamed_layout(
    lines: list[str], rows: list[list[str]], separator: str | None, titles: int
) -> TextLayout | None:
    comma = _has_decimal_commas(lines[1:], separator)
    width = max(len(row) for row in rows[-max(1, len(rows) // 2) :])
    begin = 0
    while begin < min(3, len(rows) - 1) and not _all_numbers(rows[begin][:3], comma):
        if len(rows[begin]) == width and _missing(rows[begin], comma):
            break  # a row with a gap
        begin += 1
    body = rows[begin:]
    title = next((row for row in rows[:begin] if len(row) == width), None)
    named = title is not None and (separator is not None or width > 2)
    columns = _without_index(body, comma)
    if columns[0] == 0 and all(_is_box(row) for row in body):
        raise NotMediaError(
            "unsupported", "looks like boxes in a picture (YOLO labels), not a shape"
        )
    if all(_is_colour(row, comma) for row in body) and _names_differ(body):
        raise NotMediaError("unsupported", "looks like a table of named colours, not a shape")
    if width <= MAX_COLUMNS and not named and max(columns) < width:
        layout = TextLayout(separator, columns, comma, False, titles + begin)
        good = [layout.point(line) is not None for line in lines[begin:]]
        others = [row for row, is_point in zip(body, good, strict=True) if not is_point]
        last = len(good) > 3 and not good[-1]
        odd = [row for row in others if not _missing(row, comma)]
        if 2 * sum(good) >= len(good) and len(odd) <= last and sum(good) >= min(1, len(good)):
            return layout
    if len(rows) <= 2 or len({len(row) for row in rows}) > 1:
        return None
    if separator is None and not all(_all_numbers(row, comma) for row in body):
        return None
    if title is not None:
        names = printable(", ".join(title[:6])) + (", …" if len(title) > 6 else "")
        raise NotMediaError("unsupported", f"looks like a table ({names}) without x, y, z columns")
    raise NotMediaError(
        "unsupported",
        f"looks like a table of {width} columns; points need three columns of numbers",
    )


def _without_index(body: list[list[str]], comma: bool) -> tuple[int, int, int]:
    """The first three columns, or the next three if the first only numbers the rows."""
    if len(body) > 4:
        body = body[:-1]  # it may be a sum
    numbers = [row[0] for row in body if len(row) > 3]
    if len(numbers) < max(4, len(body)) or not all(number.isdecimal() for number in numbers):
        return 0, 1, 2
    first = int(numbers[0])
    counted = first in (0, 1) and [int(n) for n in numbers] == list(
        range(first, first + len(numbers))
    )
    fractions = any(not cell.lstrip("-+").isdigit() for row in body for cell in row[1:4])
    return (1, 2, 3) if counted and fractions else (0, 1, 2)


def _is_box(row: list[str]) -> bool:
    """Whether a row is a YOLO label: a class, a box in shares of the sides, perhaps a score."""
    if len(row) not in (5, 6) or not row[0].isdecimal():
        return False
    numbers = [_number(cell, decimal_comma=False) for cell in row[1:]]
    return any("." in cell for cell in row[1:]) and all(0 <= number <= 1 for number in numbers)


def _is_colour(row: list[str], comma: bool) -> bool:
    """Whether a row is a colour and its name: three numbers of 8 bits and a word."""
    if len(row) < 4 or not all(cell.isdecimal() and int(cell) <= _MAX_COLOUR for cell in row[:3]):
        return False
    return row[3].lower() not in _MISSING and math.isnan(_number(row[3], comma))


def _names_differ(rows: list[list[str]]) -> bool:
    """Whether most rows have a name of their own; the classes of points repeat."""
    return len({" ".join(row[3:]) for row in rows}) > len(rows) / 2


def _title_in_comment(lines: list[str]) -> str | None:
    """A comment before the first line, such as "//X Y Z R G B" or "# x,y,z", unmarked."""
    for line in lines[:_TITLE_LINES]:
        if not _COMMENT.match(line):
            return None
        title = line.lstrip("#/% ")
        cells = re.split(r"[;,\t ]+", title)
        if _named_columns(cells) and len(cells) <= MAX_COLUMNS:
            return title
    return None


def _named_columns(titles: list[str]) -> tuple[int, int, int] | None:
    found: dict[str, int] = {}
    for index, title in enumerate(titles):
        name = title.strip(" \"'#/").lower()
        axis = _AXIS_NAME.fullmatch(name)
        numbered = _NUMBERED_AXIS.fullmatch(name)
        letter = axis[1] if axis else "xyz"[int(numbered[1])] if numbered else _SURVEY.get(name)
        if letter:
            found.setdefault(letter, index)
    return (found["x"], found["y"], found["z"]) if len(found) == 3 else None


def _has_decimal_commas(lines: list[str], separator: str | None) -> bool:
    return separator != "," and not any("." in line for line in lines)


def _all_numbers(row: list[str], comma: bool) -> bool:
    return all(not math.isnan(_number(cell, comma)) for cell in row)


def _missing(row: list[str], comma: bool) -> bool:
    """Whether a row is not a point because values are missing, or because it is a sum."""
    cells = [cell.strip(" \"'").lower() for cell in row]
    if cells and _SUMMARY.match(cells[0]):
        return True
    values = [_number(cell, comma) for cell in cells[:4]]
    gaps = [
        cell in _MISSING or math.isinf(value) for cell, value in zip(cells[:4], values, strict=True)
    ]
    numbers = [not math.isnan(value) for value in values]
    return any(gaps) and all(a or b for a, b in zip(gaps, numbers, strict=True))


def _number(cell: str, decimal_comma: bool) -> float:
    text = cell.strip(" \"'")
    return as_number(text) if decimal_comma or "," not in text else math.nan
