"""The size that an MP3 file states in its first frame: Xing, Info (LAME) or VBRI."""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

from perceiver_cli.media.id3 import skip_id3

# Maximum bytes of padding after a tag that are skipped.
_SEARCHED = 2**12
_FRAME = re.compile(rb"\xff[\xe2-\xff]")

# Maximum position of the names: after the header, the longest side information and a checksum.
_LAST_NAME = 4 + 32 + 2
_HAS_FRAMES, _HAS_BYTES = 1, 2


class StatedSize(NamedTuple):
    """start: where the first frame begins; size: bytes from there to the end of the last frame."""

    start: int
    size: int


def stated_size(stream: BinaryIO) -> StatedSize | None:
    """The size of an MP3 file's frames; None if it states none.

    Args:
        stream: The file, at its beginning.
    """
    begin = skip_id3(stream)
    content = stream.read(_SEARCHED)
    found = _FRAME.search(content)
    if found is None:
        return None
    frame = content[found.start() :]
    size = _xing_size(frame) or _vbri_size(frame)
    return StatedSize(begin + found.start(), size) if size else None


def _xing_size(frame: bytes) -> int:
    name = re.search(rb"Xing|Info", frame[: _LAST_NAME + 4])
    if name is None:
        return 0
    flags = int.from_bytes(frame[name.end() : name.end() + 4], "big")
    at = name.end() + 4 + 4 * (flags & _HAS_FRAMES)
    return int.from_bytes(frame[at : at + 4], "big") if flags & _HAS_BYTES else 0


def _vbri_size(frame: bytes) -> int:
    return int.from_bytes(frame[46:50], "big") if frame[36:40] == b"VBRI" else 0
