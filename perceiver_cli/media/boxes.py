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


def find_box(stream: BinaryIO, kind: bytes) -> tuple[int, int] | None:
    """Where the content of the first box of a type begins in a file, and how long it is.

    Args:
        stream: The file.
        kind: The type's four letters.

    Returns:
        (start, length in bytes, as stated), or None without such a box.
    """
    position, end = 0, stream.seek(0, 2)
    while position + 8 <= end:
        stream.seek(position)
        head = stream.read(16)
        length, start = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, start = int.from_bytes(head[8:16], "big"), 16
        length = length or end - position
        if head[4:8] == kind:
            return position + start, max(0, length - start)
        if length < start:
            break
        position += length
    return None


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The (type, content) of each box in the content of another."""
    position = 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length < 8:
            return
        yield content[position + 4 : position + 8], content[position + 8 : position + length]
        position += length
