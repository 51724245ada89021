"""How a process that works through many inputs keeps its memory."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_TRIM_BYTES, _MMAP_BYTES = 2**28, 2**25


def keep_freed() -> None:
    """Lets what is freed be used for the next input, where the C library is glibc.

    It usually goes back to the system at once, and taking it anew, page by page, was a tenth of a
    small model's time. Arrays beyond 32 MiB still go back.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            change = ctypes.CDLL(None).mallopt
            change(_M_MMAP_THRESHOLD, _MMAP_BYTES)
            change(_M_TRIM_THRESHOLD, _TRIM_BYTES)
