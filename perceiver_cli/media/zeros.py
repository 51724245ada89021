"""Files that end in zeros: the space of a download that was reserved and never filled."""

from __future__ import annotations

import os
from typing import BinaryIO

# Of formats whose packets are never zeros. In others, zeros are silence, a black picture or space
# that a program reserved.
NEVER_ZERO = frozenset(
    {"aac", "ac3", "amr", "asf", "eac3", "flv", "mp3", "mpeg", "ogg", "ts", "tta", "wavpack", "y4m"}
)
# Fewer may be the padding of a last packet.
_LEAST_BYTES, _LEAST_SHARE = 4096, 0.05
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
    return end / size if zeros > max(_LEAST_BYTES, _LEAST_SHARE * size) else 1.0
