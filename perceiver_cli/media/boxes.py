"""The boxes that ISO media files are made of: MP4, MOV, HEIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

# The indices of long films reach this size; longer boxes are not read.
_LARGEST = 2**26


def top_level_box(stream: BinaryIO, kind: bytes) -> bytes:
    """The content of the first box of a type in a file; b"" without one.

    Args:
        stream: The file.
        kind: The type's four letters.
    """
    start, length = find_box(stream, kind) or (0, 0)
    stream.seek(start)
    return stream.read(min(length, _LARGEST))


def find_box(
    stream: BinaryIO, kind: bytes, within: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """Where the content of the first box of a type begins in a file, and how long it is.

    Args:
        stream: The file.
        kind: The type's four letters.
        within: Where the content of another box begins, and how long it is; None: the whole file.

    Returns:
        (start, length in bytes, as stated), or None without such a box.
    """
    return next(
        (place for found, place in placed_boxes(stream, within or (0, None)) if found == kind), None
    )


def placed_boxes(
    stream: BinaryIO, within: tuple[int, int | None]
) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The type of each box in a part of a file, and where its content lies. Reads only headers.

    Args:
        stream: The file.
        within: Where the part begins, and how long it is; None: up to the end of the file.

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
    """The (type, content) of each box in the content of another."""
    position = 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length < 8:
            return
        yield content[position + 4 : position + 8], content[position + 8 : position + length]
        position += length
