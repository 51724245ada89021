"""A folder of files, on disk or in a bucket."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, Protocol

from perceiver_cli.atomic import atomic_write
from perceiver_cli.inputs.filesystems import filesystem
from perceiver_cli.inputs.names import is_url
from perceiver_cli.inputs.network_errors import remote_errors, retrying


class Store(Protocol):
    """Files by name. Can be pickled.

    The methods raise OSError for a folder on disk, InputError for a remote one.
    """

    @property
    def where(self) -> str:
        """The folder as users know it."""

    def create(self) -> None:
        """Creates the folder if it does not exist."""

    def names(self) -> list[str]:
        """The names of all files, in any order."""

    def open(self, name: str) -> BinaryIO:
        """The content of a file, which can be read at any position."""

    def write(self, name: str, content: bytes) -> None:
        """Writes a file atomically; a file of the same name is replaced."""

    def remove(self, name: str) -> None:
        """Removes a file."""


class LocalStore:
    """A folder on disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def where(self) -> str:
        """The folder as users know it."""
        return str(self.path)

    def create(self) -> None:
        """See Store."""
        self.path.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """See Store."""
        return os.listdir(self.path)

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        return open(self.path / name, "rb")

    def write(self, name: str, content: bytes) -> None:
        """See Store."""
        with atomic_write(self.path / name) as beside:
            beside.write_bytes(content)

    def remove(self, name: str) -> None:
        """See Store."""
        (self.path / name).unlink()


class RemoteStore:
    """A folder of a file system of fsspec.

    Args:
        url: The folder.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @property
    def where(self) -> str:
        """The folder as users know it."""
        return self.url

    def create(self) -> None:
        """Does nothing: objects need no folder."""

    def names(self) -> list[str]:
        """See Store."""
        with remote_errors():
            fs, path = filesystem(self.url)
            try:
                entries = retrying(lambda: fs.ls(path, detail=False))
            except FileNotFoundError:
                return []
        names = (str(entry).rstrip("/").rpartition("/")[2] for entry in entries)
        return [name for name in names if name and name != path.rpartition("/")[2]]

    def open(self, name: str) -> BinaryIO:
        """See Store."""
        with remote_errors():
            fs, path = filesystem(self.url)
            return io.BytesIO(retrying(lambda: fs.cat_file(f"{path}/{name}")))

    def write(self, name: str, content: bytes) -> None:
        """See Store."""
        with remote_errors():
            fs, path = filesystem(self.url)
            retrying(lambda: fs.pipe_file(f"{path}/{name}", content))

    def remove(self, name: str) -> None:
        """See Store."""
        with remote_errors():
            fs, path = filesystem(self.url)
            retrying(lambda: fs.rm_file(f"{path}/{name}"))


def store_at(where: str) -> Store:
    """The folder for a path or a URL of fsspec.

    Args:
        where: A path, which may be given relative to the current folder, or a URL.
    """
    return RemoteStore(where) if is_url(where) else LocalStore(Path(os.path.abspath(where)))
