"""The writer of a folder of Parquet parts, which also records which inputs are done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perceiver_cli.media.source import Source
from perceiver_cli.report.done import DoneIndex, Entry, entry_of, path_of
from perceiver_cli.report.lock import lock_file, release
from perceiver_cli.report.parquet import schema
from perceiver_cli.report.parts.folder import MANIFEST, PartFolder, run_name
from perceiver_cli.report.parts.store import LocalStore
from perceiver_cli.results import Result

# Rows per part, which is also the maximum number that is lost when a run is killed.
PART_ROWS = 1024


class ParquetFolder:
    """A Writer of Results to parts; it continues a folder of the same fingerprint.

    Args:
        path: The folder; it is created if it does not exist.
        fingerprint: The digest of the weights and options.

    Raises:
        UsageError: The folder contains something else, or results of other weights or options; it
            cannot be written; or pyarrow is not installed.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.named, self.path = path, path
        self._folder = PartFolder(LocalStore(path), "parquet")
        self._folder.prepare(fingerprint)
        self._lock = lock_file(path / MANIFEST)
        self._run, self._part = run_name(), 0
        self._rows: list[dict[str, Any]] = []
        self._done = DoneIndex()
        # Whether _SUCCESS may be there.
        self._complete = True
        try:
            self._untidy = self._folder.read_done(self._done)
        except BaseException:
            self._lock.release()
            raise

    def claim(self, source: Source) -> Entry | None:
        """See DoneIndex.claim."""
        return self._done.claim(source)

    def is_claimed(self, source: Source) -> bool:
        """See DoneIndex.is_claimed."""
        return self._done.is_claimed(source)

    def begin(self) -> None:
        """Writes nothing before the first part."""

    def write(self, result: Result) -> None:
        """Adds one row, and writes a part when it is full. Raises OSError."""
        if self._complete:
            self._folder.mark_incomplete()
            self._complete = False
        file = self._done.claimed_identity(result.path)
        self._rows.append(schema.row(result.to_dict(), file))
        if len(self._rows) >= PART_ROWS:
            self._write_part()

    def end(self) -> None:
        """Writes the last part, and removes rows that newer ones have replaced."""
        self._write_part()
        if self._untidy:
            self._folder.drop_replaced()
            self._untidy = False

    def complete(self) -> None:
        """Marks the folder as complete."""
        self._folder.mark_complete()
        self._complete = True

    def close(self) -> None:
        """Writes the remaining rows of an interrupted run, and releases the folder."""
        try:
            self._write_part()
        finally:
            release(self._lock)

    def _write_part(self) -> None:
        if not self._rows:
            return
        self._folder.write(f"{self._run}-{self._part:05}", self._rows)
        self._part += 1
        for row in self._rows:
            self._untidy |= self._done.add(path_of(row), entry_of(row))
        self._rows = []
