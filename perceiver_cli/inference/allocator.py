"""Settings of glibc's allocator: freed memory is kept and used again."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4

# Settings by default, and for training.
_USUAL = {_M_MMAP_THRESHOLD: 2**25, _M_TRIM_THRESHOLD: 2**28}
_LARGE = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**31 - 1, _M_TOP_PAD: 2**28}

# The settings of a process that belongs to perceiver; None elsewhere. The settings of the allocator
# cannot be read and therefore not restored, so they are not changed in other programs' processes.
own_settings: dict[int, int] | None = None


def keep_freed_memory(*, large: bool = False) -> None:
    """Keeps freed memory for reuse, if the C library is glibc.

    By default it is returned to the system at once. Mapping it again, page by page, took a tenth of
    a small model's time, and half of a matrix product's into a new 25 MB result (on two cores).
    large: keeps arrays beyond 32 MiB as well, for training. For the command and for decoding
    processes: the settings hold until the process ends.
    """
    global own_settings
    own_settings = _LARGE if large else _USUAL
    # Read by Pillow when it is imported. Its usual blocks of 16 MiB would all be kept.
    os.environ.setdefault("PILLOW_BLOCK_SIZE", "64m")
    set_options(own_settings)


@contextmanager
def returning_freed_memory() -> Iterator[None]:
    """Returns freed arrays beyond 1 MiB to the system while a model is built.

    Otherwise fragmentation costs a fifth of the weights' size. Does nothing if
    `keep_freed_memory` was never called.
    """
    if own_settings is None:
        yield
        return
    set_options({_M_MMAP_THRESHOLD: 2**20})
    try:
        yield
    finally:
        set_options(own_settings)


def set_options(values: dict[int, int]) -> None:
    """Sets options of glibc's malloc: number in malloc.h -> value. Ignored by other C libraries."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library
        change = ctypes.CDLL(None).mallopt
        for name, value in values.items():
            change(name, value)
