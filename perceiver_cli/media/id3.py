"""ID3 tags before the frames of a sound."""

from __future__ import annotations

from typing import BinaryIO

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
