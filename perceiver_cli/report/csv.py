"""Results as CSV (RFC 4180), safe to open in spreadsheets.

Line ends in names are kept, in quotes; bytes outside UTF-8 are \\xff, as in tables.

Spreadsheets evaluate texts that begin like a formula, and file names are not trusted. Such texts
get an apostrophe in front, which makes them text (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import IO, Any

from perceiver_cli.report.words import without_stray_bytes
from perceiver_cli.results import Classification, Result

COLUMNS = (
    "path",
    "status",
    "modality",
    "model",
    "label",
    "id",
    "score",
    "confident",
    "detected_by",
    "error_kind",
    "error_message",
    "answer",
    "level",
    "answer_score",
    "familiar",
)

EVENT_COLUMNS = (
    "path",
    "status",
    "modality",
    "model",
    "start_s",
    "end_s",
    "label",
    "id",
    "score",
    "error_kind",
    "error_message",
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class CsvWriter:
    """Rows under a header row; fields that do not apply are empty.

    Args:
        stream: Where it writes.
        columns: Names of the fields.
        rows_of: The rows of a classified input, without the fields that each input has.
    """

    def __init__(
        self,
        stream: IO[str],
        columns: Sequence[str],
        rows_of: Callable[[Classification], list[dict[str, Any]]],
    ) -> None:
        self.stream = stream
        self._rows = csv.DictWriter(stream, columns, extrasaction="ignore")
        self._rows_of = rows_of

    def begin(self) -> None:
        """The header row."""
        self._rows.writeheader()
        self.stream.flush()

    def write(self, result: Result) -> None:
        """The rows of one input; a failure has one."""
        values: dict[str, Any] = {"path": result.path, "status": result.status}
        if result.ok:
            values |= {"modality": result.modality, "model": result.model}
        else:
            values |= {"error_kind": result.error.kind, "error_message": result.error.message}
        for others in self._rows_of(result) if result.ok else [{}]:
            row = values | others
            self._rows.writerow({name: _harmless(value) for name, value in row.items()})
        self.stream.flush()

    def end(self) -> None:
        """Writes nothing after the last row."""


def inputs_writer(stream: IO[str], top: int = 1) -> CsvWriter:
    """A writer of one row for each input: its answer and its predictions.

    The first prediction is in label, id and score; the next ones in label_2, score_2 and so on.

    Args:
        stream: Where it writes.
        top: Number of predictions that have columns.
    """
    others = [f"{name}_{rank}" for rank in range(2, top + 1) for name in ("label", "score")]
    return CsvWriter(stream, [*COLUMNS, *others], _predictions)


def events_writer(stream: IO[str]) -> CsvWriter:
    """A writer of one row for each event; an input without events has one as well.

    That of a picture or shape, which has no time, holds its answer.
    """
    return CsvWriter(stream, EVENT_COLUMNS, _events)


def _predictions(result: Classification) -> list[dict[str, Any]]:
    row: dict[str, Any] = {
        "confident": None if result.confident is None else str(result.confident).lower(),
        "detected_by": result.detected_by,
        "familiar": None if result.familiar is None else str(result.familiar).lower(),
    }
    if result.answer:
        row |= {
            "answer": result.answer.label,
            "level": result.answer.level,
            "answer_score": result.answer.score,
        }
    for best in result.predictions[:1]:
        row |= {"label": best.label, "id": best.id, "score": best.score}
    for rank, other in enumerate(result.predictions[1:], 2):
        row |= {f"label_{rank}": other.label, f"score_{rank}": other.score}
    return [row]


def _events(result: Classification) -> list[dict[str, Any]]:
    if "duration_s" not in result.input:
        return [_answer(result)]
    wanted = ("start_s", "end_s", "label", "id", "score")
    return [{name: event.get(name) for name in wanted} for event in result.events] or [{}]


def _answer(result: Classification) -> dict[str, Any]:
    """The answer as an event without a time; empty without an answer."""
    answer = result.answer
    if answer is None:
        return {}
    ids = (p.id for p in result.predictions if p.label == answer.label and answer.level == "class")
    return {"label": answer.label, "id": next(ids, None), "score": answer.score}


def _harmless(value: Any) -> Any:
    """Text that no spreadsheet evaluates; a single dash, for standard input, is already safe."""
    if not isinstance(value, str):
        return value
    text = without_stray_bytes(value)
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text
