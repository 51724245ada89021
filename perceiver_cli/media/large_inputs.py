"""Decodes inputs that take much memory one at a time, whatever the number of threads or processes.

Each may take nearly all of the memory that the limits permit (see limits.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

# Minimum bytes of a large input; smaller ones are decoded in parallel.
LARGE_BYTES = 2**29


class Lock(Protocol):
    """A lock that only one large input holds at a time."""

    def acquire(self) -> Any:
        """Waits until no other input holds it."""

    def release(self) -> None:
        """Lets the next one in."""


_decoding = threading.local()


@contextmanager
def one_large_input_at_a_time(lock: Lock) -> Iterator[None]:
    """Inside the block, this thread holds `lock` from the moment its input takes much memory."""
    _decoding.lock, _decoding.holds = lock, False
    try:
        yield
    finally:
        _decoding.lock = None
        if _decoding.holds:
            lock.release()


def take_memory(size: int) -> None:
    """Called by a loader before it allocates; waits for other large inputs.

    Args:
        size: Bytes at the peak of what follows.
    """
    lock: Lock | None = getattr(_decoding, "lock", None)
    if size >= LARGE_BYTES and lock and not _decoding.holds:
        lock.acquire()
        _decoding.holds = True
