"""The directory of a TIFF file, to tell a truncated file from an unsupported variant."""

from __future__ import annotations

from typing import BinaryIO, Literal, NamedTuple


class _Layout(NamedTuple):
    """The structure of TIFF or of BigTIFF, in bytes.

    at: position in the header of the first directory's offset; wide: length of an offset, and of an
    entry's number of values; digits: length of a directory's count of entries.
    """

    at: int
    wide: int
    digits: int

    @property
    def entry(self) -> int:
        """Length of an entry: tag, type, number of values, and the values or their offset."""
        return 4 + 2 * self.wide


_LAYOUTS = {42: _Layout(4, 4, 2), 43: _Layout(8, 8, 8)}

# Type of an entry -> bytes of one value.
_VALUE_BYTES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}

_MAX_ENTRIES = 2**16


def is_cut_off(stream: BinaryIO) -> bool:
    """Whether a TIFF file ends before the end of its first directory, or of its values.

    Args:
        stream: The file; its position is not restored.

    Returns:
        False also if the header is not that of a TIFF file.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(16)
    order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
    layout = _LAYOUTS.get(int.from_bytes(head[2:4], order))
    if layout is None:
        return False
    at, wide, digits = layout
    start = int.from_bytes(head[at : at + wide], order)
    if start + digits > size:
        return True
    stream.seek(start)
    count = int.from_bytes(stream.read(digits), order)
    if start + digits + layout.entry * count > size:
        return True
    for _ in range(min(count, _MAX_ENTRIES)):
        entry = stream.read(layout.entry)
        number = int.from_bytes(entry[4 : 4 + wide], order)
        length = number * _VALUE_BYTES.get(int.from_bytes(entry[2:4], order), 0)
        if length > wide and int.from_bytes(entry[4 + wide :], order) + length > size:
            return True
    return False
