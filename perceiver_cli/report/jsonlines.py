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
        """Nothing comes before the first line."""

    def write(self, result: Result) -> None:
        """One line."""
        self.stream.write(dumps(result.to_dict(), self.stream) + "\n")
        self.stream.flush()

    def end(self) -> None:
        """Nothing comes after the last line."""


class JsonWriter:
    """An indented array of records, written one by one."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._before = "[\n"

    def begin(self) -> None:
        """The bracket comes with the first record, so that an empty array is []."""

    def write(self, result: Result) -> None:
        """One element of the array."""
        text = dumps(result.to_dict(), self.stream, indent=2)
        self.stream.write(self._before + text)
        self.stream.flush()
        self._before = ",\n"

    def end(self) -> None:
        """Closes the array."""
        self.stream.write("[]\n" if self._before.startswith("[") else "\n]\n")


def dumps(values: Any, stream: IO[str] | None = None, indent: int | None = None) -> str:
    """JSON that a stream can take: readable text where it is UTF-8, escapes elsewhere.

    Args:
        values: Plain JSON types.
        stream: Where the text goes; None stands for UTF-8.
        indent: As json.dumps has it.
    """
    escaped = stream is not None and not _is_utf8(stream)
    text = json.dumps(values, ensure_ascii=escaped, indent=indent, allow_nan=False)
    # Bytes of a name outside UTF-8 are stored as \udcXX, which os.fsencode converts back.
    return _SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_utf8(stream: IO[str]) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
