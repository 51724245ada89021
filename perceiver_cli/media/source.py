"""Files to classify: on disk, in memory or, in classes that derive from Source, elsewhere."""

from __future__ import annotations

import errno
import io
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_PIPE_BYTES, limit_text

_NO_FILES = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}

Identity = dict[str, int | str]


class WindowRange(NamedTuple):
    """A range of a file's windows: the index of the first one, and their number."""

    first: int
    size: int


@dataclass(frozen=True)
class Source:
    """A file to classify.

    Attributes:
        path: The path on disk, or a name for other content.
        data: The content, if it is not on disk, such as from standard input; else None.
        modality: The modality given by the caller; None: detected.
        part: The windows of a long sound or video to load; None: the first ones.
        is_array: Whether it is an array of a Python program: messages then name arguments of the
            Python API instead of options of the command.
    """

    path: str
    data: bytes | None = None
    modality: str | None = None
    part: WindowRange | None = None
    is_array: bool = False

    def open(self) -> BinaryIO:
        """A fresh, seekable binary stream at the beginning of the content.

        Raises InputError("unreadable") if the file cannot be opened, or is a folder, a device, a
        socket, or a pipe, which can be read only once; "too_large" for more than MAX_PIPE_BYTES of
        data.
        """
        if self.data is not None:
            if len(self.data) > MAX_PIPE_BYTES:
                problem = (
                    f"too much data in a pipe: {limit_text('MAX_PIPE_BYTES')}; save it as a file"
                )
                raise InputError("too_large", problem)
            return io.BytesIO(self.data)
        try:
            # Checked first, because opening some of these would block forever.
            status = os.stat(self.path)
            kind = _NO_FILES.get(stat.S_IFMT(status.st_mode))
            if kind == "folder":
                # A walk yields the folders that it cannot list: here the reason is raised.
                os.scandir(self.path).close()
            if kind:
                way = "; perceiver classify - < PIPE reads it" if kind == "pipe" else ""
                raise InputError("unreadable", f"is a {kind}, not a file{way}")
            if stat.S_ISREG(status.st_mode) and not status.st_size:
                # Files in /proc state no size, and cannot be sought from the end.
                with open(self.path, "rb") as file:
                    content = file.read(MAX_PIPE_BYTES + 1)
                return replace(self, data=content).open()
            return open(self.path, "rb")
        except FileNotFoundError:
            is_link = os.path.islink(self.path)
            reason = "is a link to a file that does not exist" if is_link else "no such file"
            raise InputError("unreadable", reason) from None
        except PermissionError:
            raise InputError("unreadable", "no permission to read it") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "cannot be opened"
            if getattr(error, "errno", None) == errno.ELOOP:
                reason = "is a link that leads back to itself"
            raise InputError("unreadable", reason) from None

    @property
    def is_remote(self) -> bool:
        """Whether its content comes from another machine."""
        return False

    def fetched(self) -> Source:
        """The source with its remote content fetched; raises InputError as `open`."""
        return self

    def identity(self) -> Identity | None:
        """The size in bytes and the time of modification, to detect changes of the content.

        None if unknown: for content from a pipe, or a missing file.
        """
        if self.data is not None:
            return None
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return None
        return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}

    def changed(self) -> bool:
        """Whether the content is known to have changed since reading began."""
        return False

    @property
    def on_disk(self) -> bool:
        """Whether it is a file in a folder on disk."""
        return type(self) is Source and self.data is None

    def has_no_bytes(self) -> bool:
        """Whether it is known to be empty."""
        if self.data is not None:
            return not self.data
        try:
            status = os.stat(self.path)
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and status.st_size == 0

    @property
    def suffix(self) -> str:
        """The name's extension in lower case without its dot ("" when there is none)."""
        return Path(self._own_name).suffix.lower().lstrip(".")

    @property
    def _own_name(self) -> str:
        return self.path
