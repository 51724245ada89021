"""The journal of --resume: an output that also records which inputs are done.

A record is written in one call. An incomplete record of a killed run is removed when the journal is
opened. An old record is removed only after its replacement is in the file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from perceiver_cli.atomic import atomic_write
from perceiver_cli.errors import UsageError
from perceiver_cli.media.source import Source
from perceiver_cli.report.done import DoneIndex, Entry, entry_of
from perceiver_cli.report.jsonlines import dumps
from perceiver_cli.report.lock import lock_file, release
from perceiver_cli.results import Result

# The beginning of every record; a file that begins otherwise is not a journal.
_BEGINNING = b'{"path": '

_MAX_RECORD = 2**20


class Journal:
    """A Writer that continues a JSON-lines file of Results.

    Records have three more keys: "file", the identity of the file as it was read (see
    Source.identity), "weights" and "options".

    Args:
        path: The file; it is created if it does not exist.
        weights_of: Modality, or None if it was not detected -> the fingerprint of its weights.
        options: The fingerprint of the run's settings; "" for none.

    Raises:
        UsageError: The file is not a journal, cannot be written, or is in use.
    """

    def __init__(
        self, path: Path, weights_of: Callable[[str | None], str | None], options: str = ""
    ) -> None:
        self.named, self.path = path, path.resolve()
        self._weights_of = weights_of
        self._options = options
        self._done = DoneIndex(self._is_current)
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"{path}: a journal must be a file")
        if not self.path.parent.is_dir():
            raise UsageError(f"cannot write {path}: no such folder")
        self._lock = lock_file(self.path)
        try:
            self._file = _open_to_append(self.path)
            self._untidy = self._read()
        except BaseException:
            self.close()
            raise

    def claim(self, source: Source) -> Entry | None:
        """See DoneIndex.claim."""
        return self._done.claim(source)

    def is_claimed(self, source: Source) -> bool:
        """See DoneIndex.is_claimed."""
        return self._done.is_claimed(source)

    def begin(self) -> None:
        """Writes nothing before the first line."""

    def write(self, result: Result) -> None:
        """Appends one record. Raises OSError, without damage to earlier records."""
        weights = self._weights_of(result.modality)
        file = self._done.claimed_identity(result.path)
        record = result.to_dict() | {"file": file, "weights": weights, "options": self._options}
        line = (dumps(record) + "\n").encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            write_all(self._file, line)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(end)
            error.filename = str(self.path)
            raise
        self._untidy |= self._done.add(result.path, entry_of(record))

    def end(self) -> None:
        """Flushes the file to disk, and removes records that newer ones have replaced."""
        os.fsync(self._file.fileno())
        if self._untidy:
            self._tidy()

    def complete(self) -> None:
        """Does nothing: a journal has no mark of completion."""

    def close(self) -> None:
        """Releases the file."""
        if hasattr(self, "_file"):
            self._file.close()
        release(self._lock)

    def _is_current(self, entry: Entry) -> bool:
        # Journals of older versions have no options.
        same_options = entry.options in (None, self._options)
        return same_options and entry.weights == self._weights_of(entry.modality)

    def _read(self) -> bool:
        """Reads all entries, and returns whether the file has lines to remove."""
        untidy = False
        position = end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                start, position = position, position + len(line)
                record = _parse(line)
                if record is None:
                    continue
                # Damage before a complete record stays until the file is rewritten.
                untidy |= end != start
                untidy |= self._done.add(record["path"], entry_of(record))
                end = position
        if not end and not self._may_be_cut_off():
            raise UsageError(f"{self.path}: not a journal of `classify --resume`")
        self._file.truncate(end)
        return untidy

    def _may_be_cut_off(self) -> bool:
        """Whether a file without a complete record contains the beginning of one."""
        with open(self.path, "rb") as stream:
            content = stream.read(_MAX_RECORD)
            if stream.read(1):
                return False
        # A power failure may leave zeros.
        rest = content.rstrip(b"\0")
        return b"\n" not in rest and (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest))

    def _tidy(self) -> None:
        last: dict[str, int] = {}
        with open(self.path, "rb") as lines:
            for number, line in enumerate(lines):
                if record := _parse(line):
                    last[record["path"]] = number
            kept = set(last.values())
            lines.seek(0)
            with atomic_write(self.path) as part:
                with open(part, "wb") as copy:
                    copy.writelines(line for number, line in enumerate(lines) if number in kept)
                    copy.flush()
                    os.fsync(copy.fileno())
                if sys.platform == "win32":  # an open file cannot be replaced
                    lines.close()
                    self._file.close()


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None if it is damaged or incomplete."""
    if not line.endswith(b"\n") or not line.startswith(_BEGINNING):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if {"path", "status", "error", "modality"} <= record.keys() else None


def write_all(file: FileIO, content: bytes) -> None:
    """Writes all bytes to an unbuffered file, which may take only some at a time."""
    while content:
        content = content[file.write(content) :]


def _open_to_append(path: Path) -> FileIO:
    try:
        return FileIO(path, "a")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
