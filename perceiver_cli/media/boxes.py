"""The boxes that ISO media files are made of: MP4, MOV, HEIF."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

# Indices of long films have some; what is longer is not read to its end.
_LARGEST = 2**26


def top_level_box(stream: BinaryIO, kind: bytes) -> bytes:
    """The content of the first box of a type in a file; b"" without one.

    Args:
        stream: The file.
        kind: The type's four letters.
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
            stream.seek(position + start)
            return stream.read(min(length - start, _LARGEST)) if length > start else b""
        if length < start:
            break
        position += length
    return b""


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The (type, content) of each box in the content of another."""
    position = 0
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        if length < 8:
            return
        yield content[position + 4 : position + 8], content[position + 8 : position + length]
        position += length
