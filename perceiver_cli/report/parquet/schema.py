"""The schema of the Parquet parts: the record as columns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

from perceiver_cli.report.words import without_stray_bytes

# Values that differ between modalities, as JSON text.
_TEXTS = ("input", "read", "attention")


@cache
def schema() -> Any:
    """The pyarrow.Schema of every part."""
    import pyarrow as pa

    text, number, count = pa.string(), pa.float64(), pa.int64()
    columns = {
        "path": text,
        "path_bytes": pa.binary(),
        "status": text,
        "error": pa.struct({"kind": text, "message": text, "detail": text}),
        "modality": text,
        "detected_by": text,
        "model": text,
        "signal": text,
        "answer": pa.struct({"label": text, "level": text, "score": number}),
        "confident": pa.bool_(),
        "familiar": pa.bool_(),
        "predictions": pa.list_(
            pa.struct(
                {
                    "label": text,
                    "index": count,
                    "id": text,
                    "score": number,
                    "group": text,
                    "kind": text,
                }
            )
        ),
        "among": pa.list_(text),
        "input": text,
        "read": text,
        "byte_array": pa.struct({"elements": count, "channels": count}),
        "attention": text,
        "segments": pa.list_(
            pa.struct(
                {
                    "start_s": number,
                    "end_s": number,
                    "label": text,
                    "score": number,
                    "signal": text,
                    "index": count,
                }
            )
        ),
        "events": pa.list_(
            pa.struct(
                {"start_s": number, "end_s": number, "label": text, "id": text, "score": number}
            )
        ),
        "notes": pa.list_(text),
        "seconds": pa.struct({"load": number, "model": number}),
        "explained": text,
        "file": pa.struct({"size": count, "mtime_ns": count, "version": text}),
    }
    return pa.schema(columns)


def row(record: dict[str, Any], file: dict[str, Any] | None) -> dict[str, Any]:
    """A record as a row of the schema.

    Args:
        record: As `Result.to_dict` gives it.
        file: The identity of the file as it was read; see Source.identity.

    Returns:
        Column -> value. A path that is not UTF-8 has its stray bytes as \\xff, and all its bytes in
        `path_bytes`, which is null for any other.
    """
    path = record["path"]
    values = record | {"path": without_stray_bytes(path), "file": file}
    values["path_bytes"] = None if values["path"] == path else os.fsencode(path)
    for name in _TEXTS:
        value = record.get(name)
        values[name] = None if value is None else json.dumps(value, ensure_ascii=False)
    return {name: values.get(name) for name in schema().names}


def table(rows: Iterable[dict[str, Any]]) -> Any:
    """Rows as a pyarrow.Table."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), schema=schema())
