"""Records as JSON: one array, or one object per line."""

from __future__ import annotations

import json
import re
from typing import IO, Any

from perceiver_cli.results import Result

_SURROGATES = re.compile("[\ud800-\udfff]")


class JsonLinesWriter:
    """One record per line, flushed at once."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def begin(self) -> None:
        """Writes nothing before the first line."""

    def write(self, result: Result) -> None:
        """Writes one line."""
        self.stream.write(dumps(result.to_dict(), self.stream) + "\n")
        self.stream.flush()

    def end(self) -> None:
        """Writes nothing after the last line."""


class JsonWriter:
    """An indented array of records, written one by one."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._before = "[\n"

    def begin(self) -> None:
        """Writes nothing: the bracket follows with the first record, and an empty array is []."""

    def write(self, result: Result) -> None:
        """Writes one element of the array."""
        text = dumps(result.to_dict(), self.stream, indent=2)
        self.stream.write(self._before + text)
        self.stream.flush()
        self._before = ",\n"

    def end(self) -> None:
        """Closes the array."""
        self.stream.write("[]\n" if self._before.startswith("[") else "\n]\n")


def dumps(values: Any, stream: IO[str] | None = None, indent: int | None = None) -> str:
    """JSON for the encoding of a stream: readable text in UTF-8, otherwise escapes.

    Args:
        values: Plain JSON types.
        stream: The stream for the text; None stands for UTF-8.
        indent: As json.dumps has it.
    """
    escaped = stream is not None and not _is_utf8(stream)
    text = json.dumps(values, ensure_ascii=escaped, indent=indent, allow_nan=False)
    # Bytes of a name outside UTF-8 are stored as \udcXX, which os.fsencode converts back.
    return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_utf8(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
