"""Files that end in zeros: the space of a download that was reserved and never filled."""

from __future__ import annotations

import os
from typing import BinaryIO

# Formats whose packets are never zeros and that do not mark their end. In others, zeros are
# silence, a black picture or space that a program reserved.
NEVER_ZERO = frozenset(
    {"aac", "ac3", "amr", "asf", "eac3", "flv", "mp3", "mpeg", "ts", "tta", "wavpack"}
)
# Fewer may fill the last block of a disk, or the last packet. Many are too many for both.
_LEAST_BYTES, _LEAST_SHARE, _MANY_BYTES = 4096, 0.2, 2**20
_BLOCK = 2**16


def share_before_zeros(stream: BinaryIO) -> float:
    """The share of a file that is in front of the zeros at its end; 1 if they may be padding.

    Args:
        stream: The file, of one of the formats NEVER_ZERO.
    """
    size = stream.seek(0, os.SEEK_END)
    end = size
    while end:
        start = max(0, end - _BLOCK)
        stream.seek(start)
        block = stream.read(end - start)
        if kept := len(block.rstrip(b"\0")):
            end = start + kept
            break
        end = start
    zeros = size - end
    unfilled = zeros > max(_LEAST_BYTES, min(_LEAST_SHARE * size, _MANY_BYTES))
    return end / size if unfilled else 1.0
