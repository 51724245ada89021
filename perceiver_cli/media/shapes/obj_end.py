"""Detects OBJ files that end in the middle of a record."""

from __future__ import annotations

# Number of bytes at the end of a text that are examined.
END_BYTES = 2**13

# Number of lines before the last record that are compared with it, and the minimum number of
# records of its kind among them if their digits are compared.
_LINES, _ENOUGH = 100, 8

# Words of a whole record, its name included; points may lie in the plane.
_MIN_WORDS = {b"v": 3, b"vn": 4, b"vt": 2, b"f": 4}


def ends_midway(end: bytes) -> bool:
    r"""Whether the last line of a text has no end and is not a whole record.

    Args:
        end: The end of the text, whose lines end in "\n".
    """
    *before, last = end.rsplit(b"\n", _LINES + 1)
    words = last.split()
    if not words or words[0] not in _MIN_WORDS or b"#" in last:
        return False
    others = [line.split() for line in before[1:] if line.split()[:1] == words[:1]]
    if len(words) < _MIN_WORDS[words[0]]:
        return True
    if words[0] == b"f":
        return _form(words[-1]) != _form(words[1])
    if others and len(words) < min(map(len, others)):
        return True
    if len(others) < _ENOUGH:
        return False
    same = [other for other in others if len(other) == len(words)]
    places = {_places(other[-1]) for other in same}
    return len(places) == 1 and _places(words[-1]) < places.pop()


def _form(corner: bytes) -> tuple[bool, ...]:
    """Which of a corner's indices are present: vertex, texture, normal."""
    return tuple(bool(index) for index in corner.split(b"/"))


def _places(number: bytes) -> int:
    """Number of digits after the decimal point."""
    return len(number.partition(b".")[2])
