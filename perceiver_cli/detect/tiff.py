"""TIFF tags that distinguish a camera's raw photo from a picture."""

from __future__ import annotations

import struct
from typing import BinaryIO

_SUBFILES, _PHOTOMETRIC, _DNG_VERSION = 330, 262, 50706

# Photometric values of raw sensor data, with and without colour filters.
_SENSOR = frozenset({32803, 34892})

_MAX_ENTRIES, _MAX_DIRECTORIES = 1000, 16
_SHORT, _LONG = 3, (4, 13)


def is_raw_photo(stream: BinaryIO) -> bool:
    """Whether a TIFF file holds raw data of a sensor.

    Decoders of TIFF read only the thumbnail of such a file.

    Args:
        stream: The file, at its beginning.

    Returns:
        True for DNG, CR2, NEF, ARW and their kin; False for pictures, and for damage.
    """
    head = stream.read(16)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 16:
        return False
    if head[8:10] == b"CR":
        return True
    waiting = [struct.unpack(f"{order}I", head[4:8])[0]]
    for _ in range(_MAX_DIRECTORIES):
        if not waiting:
            return False
        tags = _directory(stream, waiting.pop(), order)
        if _DNG_VERSION in tags or _SENSOR.intersection(tags.get(_PHOTOMETRIC, ())):
            return True
        waiting += tags.get(_SUBFILES, ())
    return False


def _directory(stream: BinaryIO, start: int, order: str) -> dict[int, tuple[int, ...]]:
    """The relevant tags at an offset, with their values; unreadable ones are left out."""
    stream.seek(start)
    count = int.from_bytes(stream.read(2), "little" if order == "<" else "big")
    entries = stream.read(12 * min(count, _MAX_ENTRIES))
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(0, len(entries) - 11, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", entries, at)
        field = entries[at + 8 : at + 12]
        if tag == _DNG_VERSION:
            tags[tag] = ()
        elif tag == _PHOTOMETRIC and kind == _SHORT:
            tags[tag] = struct.unpack(f"{order}H", field[:2])
        elif tag == _SUBFILES and kind in _LONG and 1 <= number <= _MAX_DIRECTORIES:
            if number > 1:
                stream.seek(struct.unpack(f"{order}I", field)[0])
                field = stream.read(4 * number)
            if len(field) == 4 * number:
                tags[tag] = struct.unpack(f"{order}{number}I", field)
    return tags
