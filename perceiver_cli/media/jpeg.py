"""Truncated JPEG files, which are read up to their end, as in viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.parts import join_parts

if TYPE_CHECKING:
    from PIL import Image

_END_MARKER = b"\xff\xd9"

# libjpeg fills missing rows with this level in all channels.
_FILL = 128

# Minimum share of the rows of a picture that is classified.
_MIN_SHARE = 0.5

_ROWS = 64

# The compression process, by the marker that begins a frame.
_PROCESSES = {
    0xC3: "a lossless JPEG",
    0xC5: "a hierarchical JPEG",
    0xC6: "a hierarchical JPEG",
    0xC7: "a hierarchical JPEG",
    0xCB: "a lossless JPEG",
    0xCD: "a hierarchical JPEG",
    0xCE: "a hierarchical JPEG",
    0xCF: "a hierarchical JPEG",
    0xF7: "a JPEG-LS picture",
}
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})


def unsupported_process(stream: BinaryIO) -> str | None:
    """The kind of a JPEG file that libjpeg does not support, such as "a JPEG-LS picture".

    Args:
        stream: A JPEG file at its beginning; its position is restored.

    Returns:
        The kind, or None for an ordinary JPEG and for one whose header is damaged.
    """
    position = 2
    try:
        while True:
            stream.seek(position)
            head = stream.read(5)
            if len(head) < 5 or head[0] != 0xFF:
                return None
            marker = head[1]
            if marker == 0xFF:
                position += 1
            elif marker in _WITHOUT_LENGTH:
                position += 2
            elif marker in _FRAMES:
                if head[4] not in (8, 12) or (head[4] == 12 and marker not in _PROCESSES):
                    return f"a JPEG of {head[4]} bits a channel"
                return _PROCESSES.get(marker)
            elif marker in (0xD9, 0xDA):
                return None
            else:
                position += 2 + int.from_bytes(head[2:4], "big")
    finally:
        stream.seek(0)


def append_end_marker(stream: BinaryIO) -> BinaryIO:
    """The same file with an end marker, so that the decoder reads up to it.

    Args:
        stream: A JPEG file. It is closed with the stream that is returned.

    Returns:
        The stream with a marker behind it.
    """
    size = stream.seek(0, 2)
    return join_parts(stream, [(0, size), _END_MARKER])


def note_missing_rows(picture: Image.Image) -> str:
    """A note on the missing rows of a decoded JPEG whose end marker was appended.

    Args:
        picture: The decoded picture, not yet turned upright.

    Returns:
        A note for the record.

    Raises:
        InputError: "corrupt" if more than half of its rows are missing.
    """
    width, height = picture.size
    there = height
    while there > 0:
        top = max(0, there - _ROWS)
        rows = np.asarray(picture.crop((0, top, width, there))).reshape(there - top, -1)
        filled = np.max(np.abs(rows.astype(np.int16) - _FILL), axis=1) <= 1
        there -= len(rows) if filled.all() else int(np.argmin(filled[::-1]))
        if not filled.all():
            break
    if there < _MIN_SHARE * height:
        raise InputError("corrupt", "the JPEG data is cut off: more than half of it is missing")
    missing = 1 - there / height
    if missing < 0.005:
        # Each scan of a progressive file refines all rows; how many were to follow is not known.
        detail = "; details may be missing, as it is progressive"
        return "the JPEG file lacks its end" + detail * ("progressive" in picture.info)
    return f"the JPEG file is cut off: the last {missing:.0%} of its rows are missing"
