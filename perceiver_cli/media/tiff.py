"""The directory of a TIFF file, to tell a truncated file from an unsupported variant."""

from __future__ import annotations

from typing import BinaryIO, Literal

# Of TIFF and of BigTIFF: where the header has the offset of the first directory, and lengths in
# bytes of that offset, of the directory's count of entries, and of an entry.
_LAYOUTS = {42: (4, 4, 2, 12), 43: (8, 8, 8, 20)}


def is_cut_off(stream: BinaryIO) -> bool:
    """Whether a TIFF file ends before the end of its first directory.

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
    at, wide, digits, entry = layout
    start = int.from_bytes(head[at : at + wide], order)
    if start + digits > size:
        return True
    stream.seek(start)
    return start + digits + entry * int.from_bytes(stream.read(digits), order) > size
