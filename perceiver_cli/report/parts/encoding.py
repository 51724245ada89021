"""Rows as the content of a part: Parquet, or lines of JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from perceiver_cli.errors import UsageError
from perceiver_cli.report.parquet import schema

if TYPE_CHECKING:
    from types import ModuleType

Row = dict[str, Any]


def encode(rows: Iterable[Row], format: str) -> bytes:
    """The content of a part.

    Args:
        rows: Rows as `schema.row` makes them for parquet; records for jsonl.
        format: "parquet" or "jsonl".
    """
    if format == "jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    stream = io.BytesIO()
    import_parquet().write_table(schema.table(rows), stream, compression="zstd")
    return stream.getvalue()


def decode(stream: BinaryIO, format: str, keys: Sequence[str] | None = None) -> list[Row]:
    """The rows of a part.

    Args:
        stream: Its content.
        format: "parquet" or "jsonl".
        keys: The keys to read of each row; None reads all of them.

    Raises:
        OSError, ValueError: The content is not a part in that format.
    """
    if format == "jsonl":
        rows = [json.loads(line) for line in stream]
        return [{key: row.get(key) for key in keys} for row in rows] if keys else rows
    columns = list(keys) if keys else None
    table_rows: list[Row] = import_parquet().read_table(stream, columns=columns).to_pylist()
    return table_rows


def import_parquet() -> ModuleType:
    """pyarrow.parquet. Raises UsageError if it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError("Parquet needs pyarrow: pip install 'perceiver-cli[parquet]'") from None
    module: ModuleType = pyarrow.parquet
    return module
