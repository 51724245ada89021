"""A folder of parts, on disk or in a bucket, that is also the record of what is done."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from perceiver_cli.atomic import atomic_write
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inputs.failures import remote_errors, retrying
from perceiver_cli.inputs.filesystems import filesystem
from perceiver_cli.inputs.names import is_url, split_member
from perceiver_cli.media.types import Source
from perceiver_cli.report.journal import TRANSIENT
from perceiver_cli.report.parquet import schema
from perceiver_cli.report.parquet.folder import (
    MANIFEST,
    SUCCESS,
    import_parquet,
    path_of,
    prepare_folder,
)

Row = dict[str, Any]

_KEYS = ("path", "path_bytes", "status", "error", "file")


class Output:
    """The folder that a run writes to. Can be pickled.

    Args:
        where: A path that all machines of the cluster see, or a URL of fsspec.
        form: "parquet" or "jsonl".
    """

    def __init__(self, where: str, form: str) -> None:
        self.remote = is_url(where)
        self.where = where.rstrip("/") if self.remote else os.path.abspath(where)
        self.form = form

    def prepare(self, fingerprint: str) -> None:
        """Makes the folder, or checks what is there.

        Args:
            fingerprint: Of the run's weights and settings.

        Raises:
            UsageError: The folder is of another fingerprint or format, or cannot be written.
        """
        import_parquet()
        if not self.remote:
            prepare_folder(Path(self.where), fingerprint)
        else:
            try:
                self._prepare_remote(fingerprint)
            except InputError as error:
                raise UsageError(f"{self.where}: {error.message}") from None
        if other := next((n for n in self._names() if self._is_part_of_other_form(n)), None):
            raise UsageError(f"{self.where} holds {other}: go on with the same --format")

    def write(self, name: str, rows: list[Row]) -> None:
        """Writes one part, complete or not at all; a part of the same name is replaced.

        Args:
            name: Of the part, without its ending.
            rows: Records, one for each input.

        Raises:
            OSError: It cannot be written.
            InputError: The same, where the folder is remote.
        """
        self._put(f"part-{name}.{self.form}", self._encoded(rows))

    def rows(self) -> Iterator[tuple[str, list[Row]]]:
        """(the name of a part, its rows with the keys that tell what is done) of all parts."""
        for name in sorted(self._names()):
            if name.startswith("part-") and name.endswith(self.form):
                yield name, self._decoded(self._get(name), _KEYS)

    def take_out(self, part: str, keep: Iterable[int]) -> None:
        """Writes a part again with some of its rows; without any it is removed.

        Args:
            part: Its name.
            keep: Indices of the rows that stay.
        """
        rows = self._decoded(self._get(part), None)
        kept = [rows[index] for index in keep]
        if kept:
            self._put(part, self._encoded(kept))
        else:
            self._remove(part)

    def complete(self) -> None:
        """Says that everything is done."""
        self._put(SUCCESS, b"")

    def begin(self) -> None:
        """Takes back that everything is done."""
        if SUCCESS in self._names():
            self._remove(SUCCESS)

    def _is_part_of_other_form(self, name: str) -> bool:
        return name.startswith("part-") and not name.endswith(f".{self.form}")

    def _prepare_remote(self, fingerprint: str) -> None:
        names = self._names()
        if MANIFEST not in names:
            if names:
                raise UsageError(f"{self.where} holds other files: name a folder that is empty")
            self._put(MANIFEST, json.dumps({"fingerprint": fingerprint}).encode())
        if json.loads(self._get(MANIFEST)).get("fingerprint") != fingerprint:
            raise UsageError(
                f"{self.where} was made with other weights, options or another version: "
                "name another folder"
            )

    def _encoded(self, rows: list[Row]) -> bytes:
        if self.form == "jsonl":
            return "".join(json.dumps(row) + "\n" for row in rows).encode()
        stream = io.BytesIO()
        import_parquet().write_table(schema.table(rows), stream, compression="zstd")
        return stream.getvalue()

    def _decoded(self, content: bytes, keys: tuple[str, ...] | None) -> list[Row]:
        if self.form == "jsonl":
            rows = [json.loads(line) for line in content.splitlines()]
            return [{key: row.get(key) for key in keys} for row in rows] if keys else rows
        columns = list(keys) if keys else None
        table = import_parquet().read_table(io.BytesIO(content), columns=columns)
        rows_: list[Row] = table.to_pylist()
        return rows_

    def _names(self) -> list[str]:
        if not self.remote:
            return os.listdir(self.where)
        with remote_errors():
            fs, path = filesystem(self.where)
            try:
                found = retrying(lambda: fs.ls(path, detail=False))
            except FileNotFoundError:
                return []
        names = (str(each).rstrip("/").rpartition("/")[2] for each in found)
        return [name for name in names if name and name != path.rpartition("/")[2]]

    def _get(self, name: str) -> bytes:
        if not self.remote:
            return (Path(self.where) / name).read_bytes()
        with remote_errors():
            fs, path = filesystem(self.where)
            content: bytes = retrying(lambda: fs.cat_file(f"{path}/{name}"))
            return content

    def _put(self, name: str, content: bytes) -> None:
        if not self.remote:
            with atomic_write(Path(self.where) / name) as beside:
                beside.write_bytes(content)
            return
        with remote_errors():
            fs, path = filesystem(self.where)
            retrying(lambda: fs.pipe_file(f"{path}/{name}", content))

    def _remove(self, name: str) -> None:
        if not self.remote:
            (Path(self.where) / name).unlink(missing_ok=True)
            return
        with remote_errors():
            fs, path = filesystem(self.where)
            retrying(lambda: fs.rm_file(f"{path}/{name}"))


class Done:
    """What an output holds already."""

    def __init__(self, output: Output) -> None:
        # Path -> its identity, or None if it has to be done again.
        self._files: dict[str, Row | None] = {}
        self._members: dict[str, dict[str, Row]] = {}
        self.failed = 0
        for _, rows in output.rows():
            for row in rows:
                error = (row["error"] or {}).get("kind")
                file = {k: v for k, v in (row["file"] or {}).items() if v is not None}
                path = path_of(row)
                self._files[path] = None if error in TRANSIENT else file
                if error not in TRANSIENT and (member := split_member(path)):
                    self._members.setdefault(member.archive, {})[path] = file
                self.failed += error is not None and error not in TRANSIENT

    def __len__(self) -> int:
        return sum(file is not None for file in self._files.values())

    def holds(self, source: Source) -> bool:
        """Whether an input is done, and is still the same.

        Args:
            source: The input.
        """
        known = self._files.get(source.path)
        return bool(known) and known == source.identity()

    def members_of(self, archive: str) -> dict[str, Row]:
        """The members of an archive that are done.

        Args:
            archive: Its path.

        Returns:
            Path of the member -> its identity when it was read.
        """
        return self._members.get(archive, {})


def drop_replaced(output: Output) -> None:
    """Takes rows out of parts that have a newer row in another part.

    Args:
        output: The folder.
    """
    newest: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    # The names of a later run's parts sort behind those of an earlier one.
    for part, rows in output.rows():
        parts[part] = [path_of(row) for row in rows]
        newest |= dict.fromkeys(parts[part], part)
    for part, paths in parts.items():
        keep = [index for index, path in enumerate(paths) if newest[path] == part]
        if len(keep) < len(paths):
            output.take_out(part, keep)
