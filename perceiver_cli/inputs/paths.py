"""Inputs of a call: paths, folders, glob patterns, lists of names, standard input."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inputs.archives import members
from perceiver_cli.inputs.failed_source import FailedSource
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.folders import walk
from perceiver_cli.inputs.lists import read_list
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.inputs.names import (
    OPEN_FILES,
    STDIN,
    ArchiveKind,
    archive_kind,
    is_url,
    scheme_of,
    split_member,
)
from perceiver_cli.inputs.patterns import expand_pattern
from perceiver_cli.inputs.remote import RemoteSource
from perceiver_cli.inputs.remote_folders import expand_url, is_remote_folder, walk_remote
from perceiver_cli.inputs.standard_input import standard_input
from perceiver_cli.media.limits import MAX_PIPE_BYTES
from perceiver_cli.media.source import Source


class Input(NamedTuple):
    """A file to classify.

    Attributes:
        source: The file.
        named: Whether the call or its list names it; otherwise it was found in a folder or archive.
        archive: The kind of archive, if the caller must open it for its members.
    """

    source: Source
    named: bool
    archive: ArchiveKind | None = None


def find_inputs(
    paths: Iterable[str],
    *,
    files_from: str | None = None,
    null: bool = False,
    file_filter: FileFilter | None = None,
    open_archives: bool = True,
) -> Iterator[Input]:
    """Yields the inputs of a call one by one, in order.

    Args:
        paths: Files, folders, archives, glob patterns that no shell has expanded, URLs, members
            of archives, or "-" for one file on standard input. A folder stands for the files in it
            that `file_filter` accepts, sorted by name; an archive for its members, in order.
        files_from: A list of files and folders, itself a file, or "-" for standard input.
        null: Whether names in that list are separated by NUL bytes, otherwise by line ends.
        file_filter: Selects files of folders, and the shard of all inputs.
        open_archives: Whether an archive gives its members; otherwise it is one Input.

    Raises:
        UsageError: The call is wrong; raised immediately.
    """
    paths = list(paths)
    if not paths and files_from is None:
        raise UsageError("no input given: name a file, a folder, or - for standard input")
    if null and files_from is None:
        raise UsageError("-0 requires --files-from")
    if [*paths, files_from].count(STDIN) > 1:
        raise UsageError("standard input can be read only once, but '-' is given twice")
    if STDIN in (*paths, files_from):
        standard_input()
    if files_from is not None and files_from != STDIN:
        if not os.path.exists(files_from):
            raise UsageError(f"--files-from {files_from}: no such file")
        if os.path.isdir(files_from):
            raise UsageError(f"--files-from {files_from}: is a folder, not a list of names")
    file_filter = file_filter or FileFilter()
    inputs = _find(paths, files_from, null, file_filter)
    if not open_archives:
        return inputs
    return (member for each in inputs for member in _opened(each, file_filter))


def named_files(paths: Iterable[str]) -> Iterator[str]:
    """Local paths that a call names: matches of patterns, and archives for their members.

    Args:
        paths: As for find_inputs.
    """
    for path in paths:
        if path != STDIN:
            for match in [path] if is_url(path) else expand_pattern(path):
                yield from _local(match)


def found_files(
    paths: Iterable[str], files_from: str | None, null: bool, file_filter: FileFilter
) -> Iterator[str]:
    """Local paths in the list of a call, and the files of all its folders.

    Nothing is read from pipes or servers. The arguments are those of find_inputs.
    """
    folders = (path for path in named_files(paths) if os.path.isdir(path))
    listed: Iterable[str] = ()
    if files_from is not None and os.path.isfile(files_from):
        listed = (path for name in read_list(files_from, null) for path in _local(name))
    for path in chain(folders, listed):
        if os.path.isdir(path):
            yield from walk(path, file_filter)
        else:
            yield path


def _local(name: str) -> Iterator[str]:
    """Yields the local path of a name; nothing for a remote one."""
    if not is_url(name) or scheme_of(name) == "file":
        yield named_source(name).path
    elif parts := split_member(name):
        yield from _local(parts.archive)


def _find(
    paths: list[str], files_from: str | None, null: bool, file_filter: FileFilter
) -> Iterator[Input]:
    for path in paths:
        if path == STDIN:
            if file_filter.in_shard(path):
                yield Input(Source(STDIN, read_pipe(standard_input())), named=True)
        else:
            matches = expand_url(path) if is_url(path) else expand_pattern(path)
            for match in matches:
                yield from _inputs_of(match, file_filter, from_list=False)
            if not matches and file_filter.in_shard(path):
                error = InputError("unreadable", "no file matches this pattern")
                yield Input(FailedSource(path, error=error), named=True)
    if files_from is not None:
        for path in read_list(files_from, null):
            yield from _inputs_of(path, file_filter, from_list=True)


def _inputs_of(path: str, file_filter: FileFilter, *, from_list: bool) -> Iterator[Input]:
    """The inputs of one name, of the call itself or of its list."""
    if is_url(path) and scheme_of(path) != "file":
        yield from _inputs_of_url(path, file_filter, from_list=from_list)
        return
    path = named_source(path).path
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # the loader reports the problem
        mode = 0
    if stat.S_ISDIR(mode):
        for file in walk(path, file_filter):
            yield from _found(Source(file), file_filter)
    elif stat.S_ISREG(mode) and (kind := archive_kind(path)):
        yield Input(Source(path), named=True, archive=kind)
    elif not file_filter.in_shard(path):
        return
    elif stat.S_ISFIFO(mode) and path.startswith(OPEN_FILES):
        # The shell's <(command), which can be read only once. Any other pipe may have no writer,
        # and is refused when it is opened.
        with open(path, "rb") as pipe:
            yield Input(Source(path, read_pipe(pipe)), named=True)
    else:
        yield Input(Source(path), named=True)


def _inputs_of_url(url: str, file_filter: FileFilter, *, from_list: bool) -> Iterator[Input]:
    """Yields the inputs of one URL. Names in a list are folders only if they end with a slash.

    Otherwise each name of a long list would need a request to its server.
    """
    if split_member(url) is None and (url.endswith("/") if from_list else is_remote_folder(url)):
        for source in walk_remote(url, file_filter):
            yield from _found(source, file_filter)
        return
    source = named_source(url)
    kind = archive_kind(urlsplit(url).path) if isinstance(source, RemoteSource) else None
    if kind or file_filter.in_shard(url):
        yield Input(source, named=True, archive=kind)


def _found(source: Source, file_filter: FileFilter) -> Iterator[Input]:
    """The Input for a file of a folder; nothing if it belongs to another shard."""
    kind = archive_kind(source.path) if file_filter.archives else None
    if isinstance(source, FailedSource):
        kind = None
    if kind or file_filter.in_shard(source.path):
        yield Input(source, named=False, archive=kind)


def _opened(listed: Input, file_filter: FileFilter) -> Iterator[Input]:
    """Yields the members of an archive, or any other input unchanged."""
    if listed.archive is None:
        yield listed
        return
    for member in members(listed.source, listed.archive, file_filter):
        # An unreadable archive is an input itself.
        yield Input(member, named=listed.named and member.path == listed.source.path)


def read_pipe(stream: BinaryIO) -> bytes:
    """Reads a pipe. Beyond the limit only the beginning is read, which `open` then refuses."""
    return stream.read(MAX_PIPE_BYTES + 1)
