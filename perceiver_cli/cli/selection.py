"""The inputs that a call of classify names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.folders import folders_in, walk
from perceiver_cli.inputs.names import OPEN_FILES, STDIN, archive_kind, is_url
from perceiver_cli.inputs.paths import (
    Input,
    find_inputs,
    found_files,
    named_files,
)


@dataclass(frozen=True)
class Selection:
    """The inputs of a call.

    Attributes:
        paths: Files, folders, patterns, URLs, archives, "-" for standard input.
        files_from: A list of more of them, itself a file, or "-".
        null: Whether names in that list are separated by NUL bytes.
        file_filter: Which files of folders are taken.
    """

    paths: list[str]
    files_from: str | None
    null: bool
    file_filter: FileFilter

    def find(self, *, open_archives: bool = True) -> Iterator[Input]:
        """Yields the inputs one by one. Raises UsageError immediately if the call is wrong."""
        return find_inputs(
            self.paths,
            files_from=self.files_from,
            null=self.null,
            file_filter=self.file_filter,
            open_archives=open_archives,
        )

    @property
    def reads_stdin(self) -> bool:
        """Whether an input is on standard input."""
        return STDIN in self.paths

    @property
    def countable(self) -> bool:
        """Whether the number of inputs is known, unlike that of a list that is still written."""
        return self.files_from is None

    @property
    def listable(self) -> bool:
        """Whether all inputs can be listed a second time, and without reading them.

        Archives and pipes are read as they are listed, and buckets may be large.
        """
        read = any(is_url(p) or archive_kind(p) or p.startswith(OPEN_FILES) for p in self.paths)
        return not (read or self.reads_stdin or self.file_filter.archives) and self.countable

    @property
    def listed_in_file(self) -> bool:
        """Whether the list, if there is one, can be read in advance."""
        return self.files_from is None or os.path.isfile(self.files_from)

    def named_files(self) -> Iterator[str]:
        """The local files that the call names, including the list itself."""
        yield from named_files(self.paths)
        if self.files_from not in (None, STDIN):
            yield str(self.files_from)

    def found_files(self) -> Iterator[str]:
        """The local files in the list or in folders of the call."""
        yield from found_files(self.paths, self.files_from, self.null, self.file_filter)

    def named_folders(self) -> Iterator[str]:
        """The local folders that the call names."""
        yield from filter(os.path.isdir, named_files(self.paths))

    def takes_nothing_of(self, folder: str) -> bool:
        """Whether a folder contains no files to classify."""
        return next(walk(folder, self.file_filter), None) is None

    def leaves_folders_in(self, folder: str) -> bool:
        """Whether a folder contains folders that are not included."""
        return not self.file_filter.recursive and folders_in(folder, self.file_filter)
