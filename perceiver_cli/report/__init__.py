"""Results as people and programs read them. Knows records only: no models, no media."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from perceiver_cli.results import Result

# What the ending of an output file says about its format.
ENDINGS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}


class Writer(Protocol):
    """One output format. Calls: begin once, write per Result, end once."""

    def begin(self) -> None:
        """Writes what comes before the first Result."""

    def write(self, result: Result) -> None:
        """Writes one Result, so that a reader at the other end has it now."""

    def end(self) -> None:
        """Writes what comes after the last Result."""


def writer_for(form: str, stream: TextIO, *, many: bool, verbose: bool = False) -> Writer:
    """The writer for table, json, jsonl, csv or labels.

    many: there is more than one input, so that a table has one row for each; verbose: it shows
    everything about each instead.
    """
    if form == "table":
        from perceiver_cli.report.table import DetailWriter, RowWriter

        return RowWriter(stream) if many and not verbose else DetailWriter(stream, verbose)
    if form in ("json", "jsonl"):
        from perceiver_cli.report.jsonlines import JsonLinesWriter, JsonWriter

        return JsonWriter(stream) if form == "json" else JsonLinesWriter(stream)
    if form == "csv":
        from perceiver_cli.report.csv import CsvWriter

        return CsvWriter(stream)
    from perceiver_cli.report.labels import LabelsWriter

    return LabelsWriter(stream)
