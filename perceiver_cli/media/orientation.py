"""Orientation of the frames of a video."""

from __future__ import annotations

import math
import struct
from typing import Any

# EXIF's numbers, by quarter turns clockwise; the second row for frames mirrored (left is right)
# before they are turned.
_TURNED = (1, 6, 3, 8)
_MIRRORED = (2, 7, 4, 5)

_MATRIX = struct.Struct("=9i")


def frame_orientation(frame: Any) -> int:
    """The orientation in which a frame is stored, by its display matrix.

    Args:
        frame: A VideoFrame.

    Returns:
        The EXIF orientation, 1 to 8; that of the nearest quarter turn for any other matrix.
    """
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            content = bytes(data)
            if len(content) >= _MATRIX.size:
                a, b, _, c, d, *_ = _MATRIX.unpack(content[: _MATRIX.size])
                return orientation_of(a, b, c, d)
    return 1


def orientation_of(a: float, b: float, c: float, d: float) -> int:
    """The EXIF orientation for a display matrix.

    It shows the pixel at (x, y), y pointing down, at (a x + c y, b x + d y) (ISO/IEC 14496-12,
    6.2.2). Scaling and small angles are ignored.

    Args:
        a: First row, first column.
        b: First row, second column.
        c: Second row, first column.
        d: Second row, second column.

    Returns:
        1 to 8.
    """
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    turns = round(math.atan2(b - c, a + d) / (math.pi / 2)) % 4
    return (_MIRRORED if mirrored else _TURNED)[turns]
