"""Which files a call means: paths, folders, globs, lists of names, standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from perceiver_cli.errors import UsageError
from perceiver_cli.media.types import Source

STDIN = "-"
_BLOCK = 2**16


class Input(NamedTuple):
    """A file to classify; named: the call names it, it did not just lie in a folder."""

    source: Source
    named: bool


def find_inputs(
    paths: Iterable[str],
    *,
    recursive: bool = False,
    files_from: str | None = None,
    null: bool = False,
) -> Iterator[Input]:
    """Every input of a call, in order, found as it is asked for.

    paths: files, folders, globs that no shell has expanded, or "-" for one file on standard
    input. A folder means the files in it, sorted by name, hidden ones left out; `recursive`
    enters its folders too. files_from: a list of files and folders, one a line or separated by
    NUL bytes (`null`), itself a file or "-".
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
    return _find(paths, recursive, files_from, null)


def _find(paths: list[str], recursive: bool, files_from: str | None, null: bool) -> Iterator[Input]:
    for path in paths:
        if path == STDIN:
            yield Input(Source(STDIN, sys.stdin.buffer.read()), named=True)
        else:
            for match in _expand(path):
                yield from _named(match, recursive)
    if files_from is not None:
        for path in _listed(files_from, null):
            yield from _named(path, recursive)


def _expand(path: str) -> list[str]:
    """A pattern's matches; a path that exists, or matches nothing, stands for itself."""
    if os.path.lexists(path) or not glob.has_magic(path):
        return [path]
    return sorted(glob.glob(path, recursive=True), key=os.fsencode) or [path]


def _named(path: str, recursive: bool) -> Iterator[Input]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # the loader says what is wrong with it
        mode = 0
    if stat.S_ISDIR(mode):
        yield from (Input(Source(file), named=False) for file in _walk(path, recursive))
    elif stat.S_ISFIFO(mode):
        # A pipe, such as the shell's <(command), can be read once only.
        with open(path, "rb") as pipe:
            yield Input(Source(path, pipe.read()), named=True)
    else:
        yield Input(Source(path), named=True)


def _walk(folder: str, recursive: bool) -> Iterator[str]:
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
            entries = sorted(os.scandir(current), key=lambda entry: os.fsencode(entry.name))
        except OSError:  # handed on as it is: opening it tells the reason
            yield current
            continue
        shown = [entry for entry in entries if not entry.name.startswith(".")]
        yield from (entry.path for entry in shown if entry.is_file())
        if recursive:
            waiting += reversed([entry.path for entry in shown if entry.is_dir()])


def _listed(files_from: str, null: bool) -> Iterator[str]:
    if files_from == STDIN:
        yield from _names(sys.stdin.buffer, null)
    else:
        with open(files_from, "rb") as stream:
            yield from _names(stream, null)


def _names(stream: BinaryIO, null: bool) -> Iterator[str]:
    """Names as they arrive: whoever writes the list may still be searching."""
    records = _split_at_null(stream) if null else (line.rstrip(b"\r\n") for line in stream)
    for name in records:
        if name:
            yield os.fsdecode(name)


def _split_at_null(stream: BinaryIO) -> Iterator[bytes]:
    rest = b""
    # read1: what has come so far, without waiting for a whole block.
    while block := stream.read1(_BLOCK):
        *whole, rest = (rest + block).split(b"\0")
        yield from whole
    yield rest
