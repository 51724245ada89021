"""ID3 tags before a sound."""

from __future__ import annotations

import os
from typing import BinaryIO

from perceiver_cli.media.parts import SourcePart
from perceiver_cli.media.source import Source

# Maximum bytes of zeros after the tags that are skipped.
_MAX_PADDING = 2**16

# Shifts of the four bytes of a tag's size, which have 7 bits each.
_SHIFTS = (21, 14, 7, 0)


def skip_id3(stream: BinaryIO) -> int:
    """Moves a stream from the beginning of ID3 tags to the position after them.

    Args:
        stream: The stream, which does not move if there are no tags.

    Returns:
        The new position, which may be beyond the end of the file.
    """
    position = stream.tell()
    while True:
        head = stream.read(10)
        if len(head) < 10 or not head.startswith(b"ID3"):
            return stream.seek(position)
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], _SHIFTS, strict=True))
        footer = 10 if head[5] & 0x10 else 0
        position = stream.seek(position + 10 + size + footer)


def without_id3(source: Source) -> Source:
    """A file without the ID3 tags before its content, and the zeros after them.

    Args:
        source: The file.

    Returns:
        The source itself if it begins with no tag.
    """
    with source.open() as stream:
        start = skip_id3(stream)
        if not start:
            return source
        padding = stream.read(_MAX_PADDING)
        start += len(padding) - len(padding.lstrip(b"\0"))
        length = max(0, stream.seek(0, os.SEEK_END) - start)
    return SourcePart(source.path, base=source, start=start, length=length)
