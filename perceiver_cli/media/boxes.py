"""The boxes of ISO media files: MP4, MOV, HEIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

# Maximum size of a box that is read; the indices of long videos reach it.
_MAX_BOX = 2**26


def top_level_box(stream: BinaryIO, kind: bytes) -> bytes:
    """The content of the first box of a type in a file; b"" without one.

    Args:
        stream: The file.
        kind: The type's four letters.
    """
    start, length = find_box(stream, kind) or (0, 0)
    stream.seek(start)
    return stream.read(min(length, _MAX_BOX))


def find_box(
    stream: BinaryIO, kind: bytes, within: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """The position and length of the content of the first box of a type.

    Args:
        stream: The file.
        kind: The type's four letters.
        within: Position and length of the content of the enclosing box; None: the whole file.

    Returns:
        (start, length in bytes, as stated), or None without such a box.
    """
    return next(
        (place for found, place in placed_boxes(stream, within or (0, None)) if found == kind), None
    )


def is_cut_off(stream: BinaryIO, kind: bytes) -> bool:
    """Whether a file ends within its first box of a type; False without such a box.

    Args:
        stream: The file.
        kind: The type's four letters.
    """
    start, length = find_box(stream, kind) or (0, 0)
    return start + length > stream.seek(0, 2)


def placed_boxes(
    stream: BinaryIO, within: tuple[int, int | None]
) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yields the type and position of each box in a part of a file, reading only headers.

    Args:
        stream: The file.
        within: Position and length of the part; None: the whole file.

    Yields:
        (type, (start, length in bytes, as stated)).
    """
    position, length_within = within
    end = stream.seek(0, 2)
    if length_within is not None:
        end = min(end, position + length_within)
    while position + 8 <= end:
        stream.seek(position)
        head = stream.read(16)
        length, start = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), 16
        length = length or end - position
        yield head[4:8], (position + start, max(0, length - start))
        if length < start:
            break
        position += length


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the (type, content) of each box in the content of another."""
    position = 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length < 8:
            return
        yield content[position + 4 : position + 8], content[position + 8 : position + length]
        position += length
