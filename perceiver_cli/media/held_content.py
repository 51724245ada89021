"""Limits the content that threads hold in memory, such as unpacked members of archives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_thread = threading.local()


class ContentLimit:
    """The content that all threads together hold in memory.

    Args:
        limit: Maximum in bytes. An input with more is held alone.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._changed = threading.Condition()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """The content that this thread reads in the block counts until the end of the block."""
        _thread.limit, _thread.held = self, 0
        try:
            yield
        finally:
            _thread.limit = None
            with self._changed:
                self._held -= _thread.held
                self._changed.notify_all()

    def take(self, size: int) -> None:
        """Waits until there is room, see hold_content."""
        with self._changed:
            # Threads that hold some and wait for more could wait for each other.
            while not _thread.held and self._held and self._held + size > self._limit:
                self._changed.wait()
            self._held += size
            _thread.held += size


def hold_content(size: int) -> None:
    """Called before content is read into memory; waits until other threads hold less.

    Args:
        size: Bytes of the content.
    """
    limit: ContentLimit | None = getattr(_thread, "limit", None)
    if limit:
        limit.take(size)
