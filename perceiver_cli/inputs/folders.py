"""The files and folders in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from perceiver_cli.inputs.filters import FileFilter


def walk(folder: str, file_filter: FileFilter) -> Iterator[str]:
    """Paths of a folder's files, then those of its folders, each sorted by name.

    Every real folder is entered only once, so that cycles of links end. Folders that the call
    writes are not entered. Unreadable entries (a folder without permission, a broken link) are
    yielded as paths; opening them raises the reason.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            status = os.stat(current)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                ordered = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        except OSError:
            yield current
            continue
        within = os.path.relpath(current, folder)
        folders = []
        for entry in ordered:
            relative = os.path.normpath(os.path.join(within, entry.name))
            kind = _kind(entry)
            if kind == "folder":
                is_output = os.path.realpath(entry.path) in file_filter.outputs
                if file_filter.accepts_folder(relative) and not is_output:
                    folders.append(entry.path)
            elif kind is not None and file_filter.accepts_file(relative):
                yield entry.path
        waiting += reversed(folders)


def folders_in(folder: str, file_filter: FileFilter) -> bool:
    """Whether a folder contains subfolders that a call without -r leaves out."""
    try:
        with os.scandir(folder) as entries:
            return any(_kind(e) == "folder" and file_filter.is_visible(e.name) for e in entries)
    except OSError:
        return False


def _kind(entry: os.DirEntry[str]) -> Literal["folder", "file", "broken"] | None:
    """The type of an entry of a folder, links followed; None for sockets, pipes and devices."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        if entry.is_symlink() and not os.path.exists(entry.path):
            return "broken"
    except OSError:  # a link to itself, or into a folder without permission
        return "broken"
    return None
