"""Streams of parts of another stream, without a copy; the last bytes of a stream."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, cast

from perceiver_cli.media.random_access import RandomAccessStream
from perceiver_cli.media.source import Source

Part = tuple[int, int] | bytes
"""(start, length) of the underlying stream, or bytes."""


class _Parts(RandomAccessStream):
    """The parts concatenated, read only."""

    def __init__(self, stream: BinaryIO, parts: Sequence[Part]) -> None:
        self._stream = stream
        self._parts = parts
        lengths = (len(part) if isinstance(part, bytes) else part[1] for part in parts)
        self._starts = list(accumulate(lengths, initial=0))
        super().__init__(self._starts[-1])

    def read_at(self, position: int, size: int) -> bytes:
        """Bytes of one part."""
        index = bisect_right(self._starts, position) - 1
        if index >= len(self._parts):
            return b""
        part, within = self._parts[index], position - self._starts[index]
        wanted = min(size, self._starts[index + 1] - position)
        if isinstance(part, bytes):
            return part[within : within + wanted]
        self._stream.seek(part[0] + within)
        return self._stream.read(wanted)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def last_bytes(stream: BinaryIO, count: int) -> bytes:
    """The last bytes of a stream; fewer if it has no more.

    Args:
        stream: Any that can seek.
        count: How many.
    """
    end = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, end - count))
    return stream.read()


def join_parts(stream: BinaryIO, parts: Sequence[Part]) -> BinaryIO:
    """A stream of concatenated parts of another stream.

    Args:
        stream: The other stream. It is closed with the stream that is returned.
        parts: Start and length of each, not empty.

    Returns:
        A buffered, seekable stream, at its beginning.
    """
    return cast(BinaryIO, io.BufferedReader(_Parts(stream, parts)))


@dataclass(frozen=True)
class SourcePart(Source):
    """The bytes [start, start + length) of another source, as a source of its own.

    base: that source.
    """

    base: Source | None = None
    start: int = 0
    length: int = 0

    def open(self) -> BinaryIO:
        """A fresh stream of these bytes. Raises InputError as Source.open does."""
        whole = super().open() if self.base is None else self.base.open()
        return join_parts(whole, [(self.start, self.length)])
