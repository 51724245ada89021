"""The directories of a TIFF file, to detect truncated files."""

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


# Tags of the offsets and lengths of a page's strips, and of its tiles.
_OFFSETS, _LENGTHS = frozenset({273, 324}), frozenset({279, 325})


class _Directory(NamedTuple):
    """The directory of a page.

    whole: whether the file holds all of it, with its values; data_end: the position after its last
    strip or tile, 0 if unknown; entries: their number; following: offset of the next one, or 0.
    """

    whole: bool
    data_end: int = 0
    entries: int = 0
    following: int = 0


class _Reader:
    """Reads the directories of a TIFF file.

    first: offset of the first one; None if the header is not that of a TIFF file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, 2)
        head = self._read(0, 16)
        self._order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        self._layout = _LAYOUTS.get(self._number(head[2:4]), _LAYOUTS[42])
        is_tiff = self._number(head[2:4]) in _LAYOUTS
        at, wide = self._layout.at, self._layout.wide
        self.first = self._number(head[at : at + wide]) if is_tiff else None

    def directory(self, start: int) -> _Directory:
        """The directory at an offset."""
        _, wide, digits = self._layout
        if start + digits > self.size:
            return _Directory(whole=False)
        count = self._number(self._read(start, digits))
        end = start + digits + self._layout.entry * count
        if end > self.size:
            return _Directory(whole=False)
        offset = length = 0
        for at in range(start + digits, end, self._layout.entry)[:_MAX_ENTRIES]:
            entry = self._read(at, self._layout.entry)
            tag, each = self._number(entry[:2]), _VALUE_BYTES.get(self._number(entry[2:4]), 0)
            values = each * self._number(entry[4 : 4 + wide])
            first = self._number(entry[4 + wide :]) if values > wide else at + 4 + wide
            if values > wide and first + values > self.size:
                return _Directory(whole=False)
            if values and tag in _OFFSETS:
                offset = self._number(self._read(first + values - each, each))
            elif values and tag in _LENGTHS:
                length = self._number(self._read(first + values - each, each))
        following = self._number(self._read(end, wide))
        return _Directory(True, offset + length, count, following)

    def _read(self, start: int, length: int) -> bytes:
        self._stream.seek(start)
        return self._stream.read(length)

    def _number(self, content: bytes) -> int:
        return int.from_bytes(content, self._order)


def is_cut_off(stream: BinaryIO) -> bool:
    """Whether a TIFF file ends before the end of its first directory, or of its values.

    Args:
        stream: The file; its position is not restored.

    Returns:
        False also if the header is not that of a TIFF file.
    """
    reader = _Reader(stream)
    return reader.first is not None and not reader.directory(reader.first).whole


def missing_pages(stream: BinaryIO) -> tuple[str, ...]:
    """A note if pages after the first are beyond the end of a TIFF file, or end there.

    Args:
        stream: The file; its position is not restored. At most _MAX_ENTRIES entries of its
            directories are read.
    """
    reader = _Reader(stream)
    start, entries, seen = reader.first, 0, set[int]()
    while start and start not in seen and entries < _MAX_ENTRIES:
        page = reader.directory(start)
        if not page.whole or (seen and page.data_end > reader.size):
            return ("the file is cut off or damaged: pages after the first are missing",)
        seen.add(start)
        entries += page.entries
        start = page.following
    return ()
