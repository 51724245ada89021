"""The journal of --resume: the output, which also tells which inputs are done.

A record is written in one piece. A record that a killed run left incomplete is cut off when the
journal is opened. An old record is removed only after its replacement is in the file.
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

# The beginning of every record; a file that begins otherwise is not a journal.
_BEGINNING = b'{"path": '

_LONGEST_RECORD = 2**20

# Failures that may not occur again although the file is unchanged.
TRANSIENT = frozenset({"unreadable", "timeout"})


@dataclass(frozen=True)
class Entry:
    """The state of one path in the journal. file: its identity when it was read."""

    ok: bool
    error: str | None
    modality: str | None
    file: Identity | None
    weights: str | None
    options: str | None = None


class Journal:
    """A Writer that continues a JSON-lines file of Results.

    Records have three more keys: "file", the identity of the file as it was read (see
    Source.identity), "weights" and "options".

    Args:
        path: The file; it is made if there is none.
        weights_of: Modality, or None if it was not detected -> the fingerprint of its weights.
        options: The fingerprint of the run's settings; "" for none.

    Raises:
        UsageError: The file is no journal, cannot be written, or is in use.
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
        """The valid entry of a source; None if it has to be classified (again).

        A source for which None was returned counts as done when it occurs again in the same run.
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
        """Nothing is written before the first line."""

    def write(self, result: Result) -> None:
        """Appends one record. Raises OSError, without damage to earlier records."""
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
        """Flushes the file to disk, and removes records that newer ones have replaced."""
        os.fsync(self._file.fileno())
        if self._untidy:
            self._tidy()

    def complete(self) -> None:
        """A journal has no mark of completion."""

    def close(self) -> None:
        """Releases the file."""
        if hasattr(self, "_file"):
            self._file.close()
        # Before the release: a process that waits with the old file open then finds it deleted.
        with suppress(OSError):
            os.unlink(self._lock.lock_file)
        self._lock.release()

    def _holds(self, entry: Entry, identity: Identity | None) -> bool:
        return (
            identity is not None
            and entry.file == identity
            and entry.error not in TRANSIENT
            and entry.weights == self._weights_of(entry.modality)
            # Journals of older versions have no options.
            and entry.options in (None, self._options)
        )

    def _read(self) -> tuple[dict[str, Entry], bool]:
        """(the entry of each path, whether the file has lines to remove)."""
        entries: dict[str, Entry] = {}
        untidy = False
        position = end = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                start, position = position, position + len(line)
                record = _parse(line)
                if record is None:
                    continue
                # Damage before a complete record stays until the file is rewritten.
                untidy |= end != start or record["path"] in entries
                end = position
                entries[record["path"]] = _entry(record)
        if not end and not self._may_be_cut_off():
            raise UsageError(f"{self.path}: not a journal of `classify --resume`")
        self._file.truncate(end)
        return entries, untidy

    def _may_be_cut_off(self) -> bool:
        """Whether a file without a complete record holds the beginning of a first one."""
        with open(self.path, "rb") as stream:
            content = stream.read(_LONGEST_RECORD)
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
    """The record in a line; None if it is damaged or incomplete."""
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
    """An exclusive lock on a file, by a hidden file beside it. Raises UsageError."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"{path}: another run is writing it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return lock
