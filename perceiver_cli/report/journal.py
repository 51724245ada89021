"""The output that is also the record of what is done: --resume.

A record goes to the file in one piece, and what a killed run left half-written is cut off when the
journal is opened. Nothing is taken away before its replacement is in the file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_cli.atomic import atomic_write
from perceiver_cli.errors import UsageError
from perceiver_cli.media.types import Identity, Source
from perceiver_cli.report.jsonlines import dumps
from perceiver_cli.results import Result

if TYPE_CHECKING:
    from filelock import FileLock

# What every record begins with; a file that begins otherwise is somebody's own.
_BEGINNING = b'{"path": '

_LONGEST_RECORD = 2**20

# Failures that may be gone the next time although the file is the same.
PASSING = frozenset({"unreadable", "timeout"})


@dataclass(frozen=True)
class Entry:
    """What the journal says of one path. file: its identity when it was read."""

    ok: bool
    error: str | None
    modality: str | None
    file: Identity | None
    weights: str | None
    options: str | None = None


class Journal:
    """A JSON-lines file of Results, continued; a writer of the kind that report has.

    weights_of: modality, or None for what was never detected -> what tells the weights that
    would serve it from others. options: tells the settings of a run from others; "" is none.
    Records carry keys more than usual: "file", with the identity of the file as it was read (see
    Source.identity), "weights" and "options".
    Raises UsageError if the file is no journal, cannot be written, or is in use.
    """

    def __init__(
        self, path: Path, weights_of: Callable[[str | None], str | None], options: str = ""
    ) -> None:
        self.named, self.path = path, path.resolve()
        self._weights_of = weights_of
        self._options = options
        self._claimed: dict[str, Identity | None] = {}
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"{path}: a journal has to be a file")
        if not self.path.parent.is_dir():
            raise UsageError(f"cannot write {path}: no such folder")
        self._lock = lock_file(self.path)
        try:
            self._file = _open_to_append(self.path)
            self._entries, self._untidy = self._read()
        except BaseException:
            self.close()
            raise

    def done(self, source: Source) -> Entry | None:
        """The entry that holds for a source as it is now; None if it has to be done (again).

        A source asked for is the caller's to do: asked for a second time in the same run, it
        counts as done.
        """
        if source.path in self._claimed:
            return self._entries.get(source.path) or Entry(True, None, None, None, None)
        identity = source.identity()
        entry = self._entries.get(source.path)
        if entry and self._holds(entry, identity):
            return entry
        self._claimed[source.path] = identity
        return None

    def begin(self) -> None:
        """Nothing comes before the first line."""

    def write(self, result: Result) -> None:
        """Appends one record. Raises OSError, leaving the records before as they are."""
        weights = self._weights_of(result.modality)
        file = self._claimed.get(result.path)
        record = result.to_dict() | {"file": file, "weights": weights, "options": self._options}
        line = (dumps(record) + "\n").encode()
        end = self._file.seek(0, os.SEEK_END)
        try:
            _write_all(self._file, line)
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(end)
            error.filename = str(self.path)
            raise
        self._untidy |= result.path in self._entries
        self._entries[result.path] = _entry(record)

    def end(self) -> None:
        """Brings the file to the disk, and drops the records that newer ones have replaced."""
        os.fsync(self._file.fileno())
        if self._untidy:
            self._tidy()

    def complete(self) -> None:
        """Nothing says that everything is done."""

    def close(self) -> None:
        """Lets others use the file."""
        if hasattr(self, "_file"):
            self._file.close()
        # While it is still held: whoever has opened it by now finds that it is gone.
        with suppress(OSError):
            os.unlink(self._lock.lock_file)
        self._lock.release()

    def _holds(self, entry: Entry, identity: Identity | None) -> bool:
        return (
            identity is not None
            and entry.file == identity
            and entry.error not in PASSING
            and entry.weights == self._weights_of(entry.modality)
            # Journals of older versions do not have it.
            and entry.options in (None, self._options)
        )

    def _read(self) -> tuple[dict[str, Entry], bool]:
        """(the entry of each path, whether lines are in the file that should not be)."""
        entries: dict[str, Entry] = {}
        untidy = False
        position = end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                start, position = position, position + len(line)
                record = _parse(line)
                if record is None:
                    continue
                # Damage with whole records behind it stays until the file is rewritten.
                untidy |= end != start or record["path"] in entries
                end = position
                entries[record["path"]] = _entry(record)
        if not end and not self._may_be_cut_off():
            raise UsageError(f"{self.path}: not a journal of `classify --resume`")
        self._file.truncate(end)
        return entries, untidy

    def _may_be_cut_off(self) -> bool:
        """Whether a file without a whole record is one that a first record did not get into."""
        with open(self.path, "rb") as stream:
            content = stream.read(_LONGEST_RECORD)
            if stream.read(1):
                return False
        # Zeros are what a file system may leave when the power goes.
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
                if sys.platform == "win32":  # where an open file cannot be replaced
                    lines.close()
                    self._file.close()


def _entry(record: dict[str, Any]) -> Entry:
    error = record["error"] or {}
    return Entry(
        record["status"] == "ok",
        error.get("kind"),
        record["modality"],
        record.get("file"),
        record.get("weights"),
        record.get("options"),
    )


def _parse(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None if it is damaged or has no end."""
    if not line.endswith(b"\n") or not line.startswith(_BEGINNING):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if {"path", "status", "error", "modality"} <= record.keys() else None


def _write_all(file: FileIO, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


def _open_to_append(path: Path) -> FileIO:
    try:
        return FileIO(path, "a")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def lock_file(path: Path) -> FileLock:
    """The sole right to write a file, by a hidden one beside it. Raises UsageError."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"{path}: another run is writing it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return lock
