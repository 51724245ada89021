"""A folder of parts, which also records which inputs are done.

_perceiver.json                  the fingerprint of the weights and options
part-….parquet or part-….jsonl   some rows each, complete from the start
_SUCCESS                         once everything is done
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Sequence

from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.report.done import DoneIndex, entry_of, path_of
from perceiver_cli.report.parts.encoding import Row, decode, encode, import_parquet
from perceiver_cli.report.parts.store import Store

MANIFEST, SUCCESS = "_perceiver.json", "_SUCCESS"

_PATH_KEYS = ("path", "path_bytes")
_ENTRY_KEYS = (*_PATH_KEYS, "status", "error", "modality", "file")


class PartFolder:
    """A folder of parts of one format. Can be pickled.

    Args:
        store: Where the parts are.
        format: "parquet" or "jsonl".
    """

    def __init__(self, store: Store, format: str) -> None:
        self.store = store
        self.format = format

    def prepare(self, fingerprint: str) -> None:
        """Creates the folder, or checks an existing one.

        Args:
            fingerprint: The digest of the run's weights and settings.

        Raises:
            UsageError: The folder has another fingerprint or format, contains something else, or
                cannot be written; or pyarrow is not installed.
        """
        if self.format == "parquet":
            import_parquet()
        where = self.store.where
        try:
            self.store.create()
            names = self.store.names()
            if MANIFEST not in names:
                if any(not name.startswith(".") for name in names):
                    raise UsageError(
                        f"{where} contains other files: name a folder that is new or empty"
                    )
                manifest = json.dumps({"fingerprint": fingerprint}) + "\n"
                self.store.write(MANIFEST, manifest.encode())
            with self.store.open(MANIFEST) as stream:
                made_with = json.load(stream).get("fingerprint")
        except OSError as error:
            raise UsageError(f"cannot write {where}: {error.strerror}") from None
        except InputError as error:
            raise UsageError(f"{where}: {error.message}") from None
        except (ValueError, AttributeError):
            raise UsageError(f"{where}/{MANIFEST} is damaged: name another folder") from None
        if made_with != fingerprint:
            raise UsageError(
                f"{where} was made with other weights, options or another version: "
                "name another folder"
            )
        if other := next((name for name in names if self._is_of_other_format(name)), None):
            raise UsageError(f"{where} contains {other}: continue with the same --format")

    def write(self, name: str, rows: Iterable[Row]) -> None:
        """Writes one part atomically; a part of the same name is replaced.

        Args:
            name: The name of the part, without its beginning and ending.
            rows: One for each input; see encode.

        Raises:
            OSError: It cannot be written.
            InputError: The same, where the folder is remote.
        """
        self.store.write(f"part-{name}.{self.format}", encode(rows, self.format))

    def read_done(self, index: DoneIndex) -> bool:
        """Adds the entries of all rows to an index; newer ones count.

        Args:
            index: What is done, to be filled.

        Returns:
            Whether some rows have been replaced by newer ones.

        Raises:
            UsageError: A part cannot be read.
            InputError: The same, where the folder is remote.
        """
        replaced = False
        for part in self.parts():
            for row in self._rows(part, _ENTRY_KEYS):
                replaced |= index.add(path_of(row), entry_of(row))
        return replaced

    def drop_replaced(self) -> None:
        """Removes the rows that have a newer row of the same path in another part.

        Raises:
            UsageError: A part cannot be read.
            OSError: A part cannot be written.
            InputError: The same, where the folder is remote.
        """
        paths_in = {
            part: [path_of(row) for row in self._rows(part, _PATH_KEYS)] for part in self.parts()
        }
        newest: dict[str, str] = {}
        for part, paths in paths_in.items():
            newest |= dict.fromkeys(paths, part)
        for part, paths in paths_in.items():
            keep = [newest[path] == part for path in paths]
            if not any(keep):
                self.store.remove(part)
            elif not all(keep):
                rows = zip(self._rows(part), keep, strict=True)
                kept = [row for row, is_newest in rows if is_newest]
                self.store.write(part, encode(kept, self.format))

    def mark_complete(self) -> None:
        """Marks the folder as complete."""
        self.store.write(SUCCESS, b"")

    def mark_incomplete(self) -> None:
        """Removes the mark of completion."""
        if SUCCESS in self.store.names():
            self.store.remove(SUCCESS)

    def parts(self) -> list[str]:
        """The names of all parts, those of earlier runs first."""
        ending = f".{self.format}"
        names = self.store.names()
        return sorted(name for name in names if name.startswith("part-") and name.endswith(ending))

    def _is_of_other_format(self, name: str) -> bool:
        return name.startswith("part-") and not name.endswith(f".{self.format}")

    def _rows(self, part: str, keys: Sequence[str] | None = None) -> list[Row]:
        try:
            with self.store.open(part) as stream:
                return decode(stream, self.format, keys)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"{self.store.where}/{part}: cannot be read ({type(error).__name__})"
            ) from None


def run_name() -> str:
    """The prefix of the names of a run's parts; those of later runs sort after it."""
    return f"{time.time_ns():019}-{secrets.token_hex(3)}"
