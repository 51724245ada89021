"""Read-only streams over content with random access."""

from __future__ import annotations

import io
from abc import abstractmethod
from typing import cast


class RandomAccessStream(io.RawIOBase):
    """A seekable stream of `size` bytes; derived classes implement `read_at`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    @abstractmethod
    def read_at(self, position: int, size: int) -> bytes:
        """At most `size` bytes from a position on, at least one before the end."""

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """The new position, which may lie beyond the end. Raises ValueError before the start."""
        base = (0, self._position, self._size)[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: object) -> int:
        """Fills a buffer as far as `read_at` does; 0 at the end."""
        target = memoryview(cast(bytearray, buffer)).cast("B")
        content = self.read_at(self._position, len(target))
        target[: len(content)] = content
        self._position += len(content)
        return len(content)
