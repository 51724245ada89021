"""Folders and patterns of remote objects."""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Iterator
from typing import Any

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.failed_source import FailedSource
from perceiver_cli.inputs.filesystems import filesystem
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.names import scheme_of
from perceiver_cli.inputs.network_errors import remote_errors, retrying
from perceiver_cli.inputs.remote import RemoteSource, version_in
from perceiver_cli.media.source import Source

# A URL of these schemes is one file: links in a page are not followed.
_NO_FOLDERS = ("http", "https")


def expand_url(url: str) -> list[str]:
    """The matches of a pattern. A URL that is not a pattern is returned unchanged."""
    if scheme_of(url) in _NO_FOLDERS or not glob.has_magic(url):
        return [url]
    try:
        with remote_errors():
            fs, path = filesystem(url)
            return [_named(url, fs, each) for each in sorted(fs.glob(path))]
    except InputError:  # opening it raises the reason
        return [url]


def is_remote_folder(url: str) -> bool:
    """Whether a URL is a folder; False if it is missing or cannot be reached."""
    if scheme_of(url) in _NO_FOLDERS:
        return False
    if url.endswith("/"):
        return True
    try:
        with remote_errors():
            fs, path = filesystem(url)
            return bool(retrying(lambda: fs.info(path)).get("type") == "directory")
    except InputError:
        return False


def walk_remote(url: str, file_filter: FileFilter) -> Iterator[Source]:
    """Yields a folder's objects, then those of its subfolders, each sorted by name.

    A folder that cannot be listed is a FailedSource.
    """
    waiting = [""]
    while waiting:
        within = waiting.pop()
        try:
            with remote_errors():
                fs, root = filesystem(url)
                root = root.rstrip("/")
                folder = f"{root}/{within}" if within else root
                entries = retrying(lambda: fs.ls(folder, detail=True))  # noqa: B023
        except InputError as error:
            yield FailedSource(url if not within else f"{url.rstrip('/')}/{within}", error=error)
            continue
        folders = []
        for entry in sorted(entries, key=lambda each: str(each["name"])):
            name = str(entry["name"]).rstrip("/")
            relative = posixpath.join(within, name.rpartition("/")[2])
            if entry["type"] == "directory":
                if file_filter.accepts_folder(relative):
                    folders.append(relative)
            elif name != folder.rstrip("/") and file_filter.accepts_file(relative):
                source = RemoteSource(
                    _named(url, fs, str(entry["name"])),
                    size=entry.get("size"),
                    version=version_in(entry),
                )
                # The name of an object that represents a folder ends in a slash.
                if not source.path.endswith("/"):
                    yield source
        waiting += reversed(folders)


def _named(url: str, fs: Any, path: str) -> str:
    """A path of a file system as a URL with the scheme of the call."""
    full = str(fs.unstrip_protocol(path))
    return f"{scheme_of(url)}://{full.partition('://')[2]}"
