"""Results as CSV (RFC 4180), one row per input, safe to open in spreadsheets.

Line ends in names are kept, in quotes; bytes outside UTF-8 are \\xff, as in tables.

Spreadsheets evaluate texts that begin like a formula, and file names are not trusted. Such texts
get an apostrophe in front, which makes them text (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
from typing import IO, Any

from perceiver_cli.report.words import without_stray_bytes
from perceiver_cli.results import Result

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


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class CsvWriter:
    """The answer and the predictions of each input under a header row.

    The first prediction is in label, id and score; the next ones in label_2, score_2 and so on, up
    to `top`.
    """

    def __init__(self, stream: IO[str], top: int = 1) -> None:
        self.stream = stream
        self._rows = csv.writer(stream)
        others = range(2, top + 1)
        self._columns = (*COLUMNS, *(f"{name}_{n}" for n in others for name in ("label", "score")))

    def begin(self) -> None:
        """The header row."""
        self._rows.writerow(self._columns)
        self.stream.flush()

    def write(self, result: Result) -> None:
        """One row; fields that do not apply are empty."""
        values: dict[str, Any] = {"path": result.path, "status": result.status}
        if result.ok:
            values |= {
                "modality": result.modality,
                "model": result.model,
                "confident": None if result.confident is None else str(result.confident).lower(),
                "detected_by": result.detected_by,
                "familiar": None if result.familiar is None else str(result.familiar).lower(),
            }
            if result.answer:
                values |= {
                    "answer": result.answer.label,
                    "level": result.answer.level,
                    "answer_score": result.answer.score,
                }
            for best in result.predictions[:1]:
                values |= {"label": best.label, "id": best.id, "score": best.score}
            for rank, other in enumerate(result.predictions[1:], 2):
                values |= {f"label_{rank}": other.label, f"score_{rank}": other.score}
        else:
            values |= {"error_kind": result.error.kind, "error_message": result.error.message}
        self._rows.writerow([_harmless(values.get(name)) for name in self._columns])
        self.stream.flush()

    def end(self) -> None:
        """Nothing comes after the last row."""


class EventsCsvWriter:
    """A row for each event under a header row. A failed input, or one without events, has one."""

    COLUMNS = (
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

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self._rows = csv.writer(stream)

    def begin(self) -> None:
        """The header row."""
        self._rows.writerow(self.COLUMNS)
        self.stream.flush()

    def write(self, result: Result) -> None:
        """The rows of one input; fields that do not apply are empty."""
        values: dict[str, Any] = {"path": result.path, "status": result.status}
        if result.ok:
            values |= {"modality": result.modality, "model": result.model}
        else:
            values |= {"error_kind": result.error.kind, "error_message": result.error.message}
        for event in (result.events if result.ok else []) or [{}]:
            row = values | event
            self._rows.writerow([_harmless(row.get(name)) for name in self.COLUMNS])
        self.stream.flush()

    def end(self) -> None:
        """Nothing comes after the last row."""


def _harmless(value: Any) -> Any:
    """Text that no spreadsheet evaluates; a single dash, for standard input, is safe as it is."""
    if not isinstance(value, str):
        return value
    text = without_stray_bytes(value)
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text
