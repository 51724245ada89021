"""Remote objects: small ones in one request, large ones by ranges."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.filesystems import filesystem
from perceiver_cli.inputs.network_errors import CHANGED, remote_errors, retrying
from perceiver_cli.media.limits import MAX_PIPE_BYTES
from perceiver_cli.media.random_access import RandomAccessStream
from perceiver_cli.media.source import Identity, Source

# Objects up to this size are fetched whole.
WHOLE_BYTES = 2**25

# Larger objects are fetched in blocks of this size; sequential reads fetch several at a time.
BLOCK = 2**16
_MAX_RUN = 64

# Number of cached blocks of one object.
_KEPT = 2**26 // BLOCK

# Keys of file systems for the version of an object.
_VERSIONS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "created")


@dataclass(frozen=True)
class RemoteSource(Source):
    """A remote object with a URL.

    Attributes:
        size: Its size in bytes, once known.
        version: Changes with the content: its ETag, or the time of modification.
        blocks: Its cached blocks, shared by all streams.
    """

    size: int | None = None
    version: str | None = None
    blocks: list[Blocks] = field(default_factory=list, compare=False, repr=False)

    def open(self) -> BinaryIO:
        """A fresh stream. Raises InputError as Source.open does."""
        if self.data is not None:
            return super().open()
        if not self.blocks:
            known = self.fetched()
            if known.data is not None:
                return known.open()
            self.blocks.append(Blocks(self.path, cast(int, known.size)))
        return cast(BinaryIO, io.BufferedReader(_BlockStream(self.blocks[0]), BLOCK))

    @property
    def is_remote(self) -> bool:
        """See Source."""
        return self.data is None

    def fetched(self) -> RemoteSource:
        """A small object with its content, a large one with its size. Raises InputError."""
        if self.data is not None:
            return self
        with remote_errors():
            known = self if self.size is not None else self.informed()
            if known.size is None:
                return replace(self, data=_read_stream(self.path))
            if known.size > WHOLE_BYTES:
                return replace(known, blocks=[])
            fs, path = filesystem(self.path)
            content: bytes = retrying(lambda: fs.cat_file(path))
            if len(content) != known.size and len(content) != self.informed().size:
                raise InputError("unreadable", CHANGED)
            return replace(known, data=content)

    def informed(self) -> RemoteSource:
        """Fetches the current size and version of the source. Raises InputError."""
        with remote_errors():
            fs, path = filesystem(self.path)
            info = retrying(lambda: fs.info(path))
            if info.get("type") == "directory":
                raise InputError("unreadable", "is a folder, not a file; end its name with /")
            return replace(self, size=info.get("size"), version=version_in(info))

    def changed(self) -> bool:
        """Whether a large object has changed since reading began."""
        if self.data is not None or not self.size:
            return False
        now = self.informed()
        return (now.size, now.version) != (self.size, self.version)

    def has_no_bytes(self) -> bool:
        """See Source."""
        return self.size == 0

    @property
    def _own_name(self) -> str:
        return urlsplit(self.path).path

    def identity(self) -> Identity | None:
        """The size in bytes and the version."""
        try:
            known = self if self.size is not None else self.informed()
        except InputError:
            return None
        if known.size is None or known.version is None:
            return None
        return {"size": known.size, "version": known.version}


def version_in(info: dict[str, Any]) -> str | None:
    """The version of an object in a file system's entry."""
    return next((str(info[name]).strip('"') for name in _VERSIONS if info.get(name)), None)


def _read_stream(url: str) -> bytes:
    """Fetches an object of unknown size, but no more of it than the limit and one byte."""
    fs, path = filesystem(url)
    with fs.open(path, "rb") as stream:
        parts, room = [], MAX_PIPE_BYTES + 1
        while room > 0 and (part := stream.read(min(room, 2**20))):
            parts.append(part)
            room -= len(part)
    return b"".join(parts)


class Blocks:
    """The blocks of one object, each fetched when it is first read.

    Args:
        url: The object.
        size: Its size in bytes.
    """

    def __init__(self, url: str, size: int) -> None:
        self.url, self.size = url, size
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._run = -1, 1

    def __reduce__(self) -> tuple[Any, ...]:
        return Blocks, (self.url, self.size)

    def read(self, start: int, length: int) -> bytes:
        """Bytes from `start` to the end of its block, `length` at most; b"" at the end."""
        index, within = divmod(start, BLOCK)
        if start >= self.size:
            return b""
        with self._lock:
            if index not in self._kept:
                self._fetch(index)
            self._kept.move_to_end(index)
            return self._kept[index][within : within + length]

    def _fetch(self, index: int) -> None:
        """Fetches a block; sequential reads fetch an increasing number of blocks."""
        self._run = min(2 * self._run, _MAX_RUN) if index == self._next else 1
        start, end = index * BLOCK, min((index + self._run) * BLOCK, self.size)
        with remote_errors():
            fs, path = filesystem(self.url)
            content = retrying(lambda: fs.cat_file(path, start=start, end=end))
        if len(content) == self.size != end - start:
            message = "the server does not support range requests, which files over 32 MiB need"
            raise InputError("unreadable", message)
        if len(content) != end - start:
            raise InputError("unreadable", CHANGED)
        for offset in range(0, len(content), BLOCK):
            self._kept[index + offset // BLOCK] = content[offset : offset + BLOCK]
        self._next = index + self._run
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


class _BlockStream(RandomAccessStream):
    """A stream with its own position over shared blocks."""

    def __init__(self, blocks: Blocks) -> None:
        super().__init__(blocks.size)
        self._blocks = blocks

    def read_at(self, position: int, size: int) -> bytes:
        """Bytes of the object."""
        return self._blocks.read(position, size)
