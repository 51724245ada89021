"""How a process that works through much keeps its memory."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4

# Whether this process is one of ours. The allocator cannot be asked for its settings, so in
# another's process, where they could not be put back, they are left alone.
_ours = False


def keep_freed_memory(*, large: bool = False) -> None:
    """Lets what is freed be used again, where the C library is glibc.

    It usually goes back to the system at once, and taking it anew, page by page, was a tenth of a
    small model's time, and half of a matrix product's into a fresh 25 MB result (on two cores).
    large: arrays beyond 32 MiB do not go back either, as training wants it. For the command and
    for decoding processes: the settings hold until the process ends.
    """
    global _ours
    _ours = True
    if large:
        _set({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 2**28})
    else:
        _set({_M_MMAP_THRESHOLD: 2**25, _M_TRIM_THRESHOLD: 2**28})


@contextmanager
def returning_freed_memory() -> Iterator[None]:
    """While a model is built: arrays beyond 1 MiB go back when freed. Then freed memory is kept.

    Else what one tensor leaves is too small for the next, and a fifth of the weights' size is lost.
    Does nothing where `keep_freed_memory` was never called.
    """
    if not _ours:
        yield
        return
    _set({_M_MMAP_THRESHOLD: 2**20})
    try:
        yield
    finally:
        keep_freed_memory()


def _set(values: dict[int, int]) -> None:
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library
        change = ctypes.CDLL(None).mallopt
        for name, value in values.items():
            change(name, value)
