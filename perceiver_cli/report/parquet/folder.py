"""A folder of Parquet parts, which also tells which inputs are done.

out/_perceiver.json      the fingerprint of the weights and options
out/part-….parquet       each complete; written beside and renamed
out/_SUCCESS             once everything is done
"""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_cli.atomic import atomic_write
from perceiver_cli.errors import UsageError
from perceiver_cli.media.types import Identity, Source
from perceiver_cli.report.journal import TRANSIENT, Entry, lock_file
from perceiver_cli.report.parquet import schema
from perceiver_cli.results import Result

if TYPE_CHECKING:
    from types import ModuleType

# Rows of a part: at most so many are lost when a run is killed.
PART_ROWS = 1024

MANIFEST, SUCCESS = "_perceiver.json", "_SUCCESS"


class ParquetFolder:
    """Writes Results to parts, and continues a folder of the same fingerprint.

    Args:
        path: The folder; it is made if there is none.
        fingerprint: Of the weights and options.

    Raises:
        UsageError: The folder holds something else, or results of other weights or options; it
            cannot be written; or pyarrow is not installed.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._parquet = import_parquet()
        self.named, self.path = path, path
        prepare_folder(path, fingerprint)
        self._lock = lock_file(path / MANIFEST)
        self._rows: list[dict[str, Any]] = []
        self._claimed: dict[str, Identity | None] = {}
        self._run, self._part = run_name(), 0
        # Path -> the part that holds its row; paths whose row in a part has been replaced.
        self._entries: dict[str, tuple[Entry, Path]] = {}
        self._replaced: dict[Path, set[str]] = {}
        try:
            self._read()
        except BaseException:
            self._lock.release()
            raise

    def done(self, source: Source) -> Entry | None:
        """See Journal.done."""
        known = self._entries.get(source.path)
        if source.path in self._claimed:
            return known[0] if known else Entry(True, None, None, None, None)
        identity = source.identity()
        if known and known[0].file == identity is not None and known[0].error not in TRANSIENT:
            return known[0]
        self._claimed[source.path] = identity
        return None

    def begin(self) -> None:
        """Nothing is written before the first part."""

    def write(self, result: Result) -> None:
        """Adds one row, and writes a part when it is full. Raises OSError."""
        (self.path / SUCCESS).unlink(missing_ok=True)
        self._rows.append(schema.row(result.to_dict(), self._claimed.get(result.path)))
        if len(self._rows) >= PART_ROWS:
            self._write_part()

    def end(self) -> None:
        """Writes the last part, and removes rows that newer ones have replaced."""
        self._write_part()
        for part, paths in self._replaced.items():
            self._take_out(part, paths)
        self._replaced = {}

    def complete(self) -> None:
        """Marks the folder as complete."""
        with atomic_write(self.path / SUCCESS) as part:
            part.touch()

    def close(self) -> None:
        """Writes the remaining rows of an interrupted run, and releases the folder."""
        try:
            self._write_part()
        finally:
            Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()

    def _write_part(self) -> None:
        if not self._rows:
            return
        path = self.path / f"part-{self._run}-{self._part:05}.parquet"
        with atomic_write(path) as beside:
            self._parquet.write_table(schema.table(self._rows), beside, compression="zstd")
        self._part += 1
        for row in self._rows:
            self._enter(row, path)
        self._rows = []

    def _enter(self, row: dict[str, Any], part: Path) -> None:
        path = path_of(row)
        if path in self._entries and self._entries[path][1] != part:
            self._replaced.setdefault(self._entries[path][1], set()).add(path)
        error = row["error"] or {}
        file = {name: value for name, value in (row["file"] or {}).items() if value is not None}
        entry = Entry(row["status"] == "ok", error.get("kind"), row["modality"], file or None, None)
        self._entries[path] = entry, part

    def _read(self) -> None:
        columns = ["path", "path_bytes", "status", "error", "modality", "file"]
        # By age: if a run was killed before it removed old rows, the newer ones count.
        for part in sorted(self.path.glob("part-*.parquet")):
            try:
                rows = self._parquet.read_table(part, columns=columns).to_pylist()
            except (OSError, ValueError, KeyError) as error:
                raise UsageError(f"{part}: cannot be read ({type(error).__name__})") from None
            for row in rows:
                self._enter(row, part)

    def _take_out(self, part: Path, paths: set[str]) -> None:
        rows = self._parquet.read_table(part).to_pylist()
        kept = [row for row in rows if path_of(row) not in paths]
        if not kept:
            part.unlink()
            return
        with atomic_write(part) as beside:
            self._parquet.write_table(schema.table(kept), beside, compression="zstd")


def run_name() -> str:
    """The prefix of the names of a run's parts; those of later runs sort after it."""
    return f"{time.time_ns():019}-{secrets.token_hex(3)}"


def import_parquet() -> ModuleType:
    """pyarrow.parquet. Raises UsageError if it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'perceiver-cli[parquet]'") from None
    module: ModuleType = pyarrow.parquet
    return module


def prepare_folder(path: Path, fingerprint: str) -> None:
    """Makes a folder for results, or checks that it holds results of this fingerprint.

    Raises UsageError if it holds anything else, or cannot be made.
    """
    manifest = path / MANIFEST
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not manifest.exists() and any(not n.startswith(".") for n in os.listdir(path)):
            raise UsageError(f"{path} holds other files: name a folder that is new or empty")
        if not manifest.exists():
            with atomic_write(manifest) as part:
                part.write_text(json.dumps({"fingerprint": fingerprint}) + "\n")
        made_with = json.loads(manifest.read_text()).get("fingerprint")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    except (ValueError, AttributeError):
        raise UsageError(f"{manifest} is damaged: name another folder") from None
    if made_with != fingerprint:
        raise UsageError(
            f"{path} was made with other weights, options or another version: name another folder"
        )


def path_of(row: dict[str, Any]) -> str:
    """The path of a row, with the bytes that are not UTF-8 as os.fsdecode has them."""
    stray: bytes | None = row.get("path_bytes")
    return str(row["path"]) if stray is None else os.fsdecode(stray)
