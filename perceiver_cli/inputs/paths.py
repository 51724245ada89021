"""Which files a call means: paths, folders, globs, lists of names, standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.filters import Choice
from perceiver_cli.media.limits import MAX_PIPE_BYTES
from perceiver_cli.media.types import Source

STDIN = "-"

# Where a shell's <(command) lies.
_OPEN_FILES = ("/dev/fd/", "/proc/self/fd/")

_BLOCK = 2**16


class Input(NamedTuple):
    """A file to classify; named: the call names it, it did not just lie in a folder."""

    source: Source
    named: bool


def find_inputs(
    paths: Iterable[str],
    *,
    files_from: str | None = None,
    null: bool = False,
    choice: Choice | None = None,
) -> Iterator[Input]:
    """Every input of a call, in order, found as it is asked for.

    paths: files, folders, globs that no shell has expanded, or "-" for one file on standard
    input. A folder means the files in it that `choice` takes, sorted by name. files_from: a list
    of files and folders, one a line or separated by NUL bytes (`null`), itself a file or "-".
    Raises UsageError at once if the call makes no sense.
    """
    paths = list(paths)
    if not paths and files_from is None:
        raise UsageError("name a file, a folder, or - for standard input")
    if null and files_from is None:
        raise UsageError("-0 says how a list is separated: it needs --files-from")
    if [*paths, files_from].count(STDIN) > 1:
        raise UsageError("standard input can be read only once: '-' is there twice")
    if files_from not in (None, STDIN) and not os.path.exists(files_from):
        raise UsageError(f"--files-from {files_from}: no such file")
    return _find(paths, files_from, null, choice or Choice())


def _find(paths: list[str], files_from: str | None, null: bool, choice: Choice) -> Iterator[Input]:
    for path in paths:
        if path == STDIN:
            if choice.in_shard(path):
                yield Input(Source(STDIN, _piped(sys.stdin.buffer)), named=True)
        else:
            for match in _expand(path):
                yield from _named(match, choice)
    if files_from is not None:
        for path in _listed(files_from, null):
            yield from _named(path, choice)


def _expand(path: str) -> list[str]:
    """A pattern's matches; a path that exists, or matches nothing, stands for itself."""
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    return sorted(glob.glob(path, recursive=True), key=os.fsencode) or [path]


def _named(path: str, choice: Choice) -> Iterator[Input]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # the loader says what is wrong with it
        mode = 0
    if stat.S_ISDIR(mode):
        files = (file for file in _walk(path, choice) if choice.in_shard(file))
        yield from (Input(Source(file), named=False) for file in files)
    elif not choice.in_shard(path):
        return
    elif stat.S_ISFIFO(mode) and path.startswith(_OPEN_FILES):
        # The shell's <(command), which can be read once only. Any other pipe may have no writer,
        # and is refused when it is opened.
        with open(path, "rb") as pipe:
            yield Input(Source(path, _piped(pipe)), named=True)
    else:
        yield Input(Source(path), named=True)


def _piped(stream: BinaryIO) -> bytes:
    """What a pipe holds; of too much the beginning, which is still too much to be opened."""
    return stream.read(MAX_PIPE_BYTES + 1)


def _walk(folder: str, choice: Choice) -> Iterator[str]:
    """Files of a folder, then those of its folders; each real folder once, so that links end."""
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
        except OSError:  # handed on as it is: opening it tells the reason
            yield current
            continue
        within = os.path.relpath(current, folder)
        folders = []
        for entry in ordered:
            below = os.path.normpath(os.path.join(within, entry.name))
            if entry.is_dir():
                if choice.enters(below):
                    folders.append(entry.path)
            elif entry.is_file() and choice.takes(below):
                yield entry.path
        waiting += reversed(folders)


def _listed(files_from: str, null: bool) -> Iterator[str]:
    separator = b"\0" if null else b"\n"
    if files_from == STDIN:
        # Without Python's buffer, which could not be let go while somebody waits for its lock.
        stream = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
        yield from _names(stream, separator)
    else:
        with open(files_from, "rb", buffering=0) as stream:
            yield from _names(stream, separator)


def _names(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    """Names as they arrive: whoever writes the list may still be searching."""
    for record in _split(stream, separator):
        name = record.rstrip(b"\r\n") if separator == b"\n" else record
        if name:
            yield os.fsdecode(name)


def _split(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).split(separator)
        yield from whole
    yield rest
