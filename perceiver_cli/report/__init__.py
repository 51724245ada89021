"""Results as people and programs read them. Knows records only: no models, no media."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

from perceiver_cli.choices import Format

if TYPE_CHECKING:
    from perceiver_cli.results import Result

# What the ending of an output file says about its format.
ENDINGS = {
    ".json": Format.json,
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".csv": Format.csv,
    ".tsv": Format.labels,
    ".txt": Format.table,
    ".vtt": Format.vtt,
    ".srt": Format.srt,
}


class Writer(Protocol):
    """One output format. Calls: begin once, write per Result, end once."""

    def begin(self) -> None:
        """Writes what comes before the first Result."""

    def write(self, result: Result) -> None:
        """Writes one Result, so that a reader at the other end has it now."""

    def end(self) -> None:
        """Writes what comes after the last Result."""


def writer_for(
    form: Format | str,
    stream: IO[str],
    *,
    many: bool,
    verbose: bool = False,
    top: int = 1,
    events: bool = False,
) -> Writer:
    """The writer of a format.

    Args:
        form: The format, or a template such as "%p: %l"; see template.py.
        stream: Where it writes.
        many: There is more than one input, so that a table has one row for each.
        verbose: A table shows everything about each instead.
        top: How many predictions have columns of their own in csv.
        events: Whether csv has a row for each event in place of one for each input.

    Raises:
        ValueError: There is no such format, or no such field of a template.
    """
    if form not in list(Format) and "%" in form:
        from perceiver_cli.report.template import TemplateWriter

        return TemplateWriter(stream, form)
    form = Format(form)
    if form is Format.table:
        from perceiver_cli.report.table import DetailWriter, RowWriter

        return RowWriter(stream) if many and not verbose else DetailWriter(stream, verbose)
    if form in (Format.json, Format.jsonl):
        from perceiver_cli.report.jsonlines import JsonLinesWriter, JsonWriter

        return JsonWriter(stream) if form is Format.json else JsonLinesWriter(stream)
    if form is Format.csv:
        from perceiver_cli.report.csv import CsvWriter, EventsCsvWriter

        return EventsCsvWriter(stream) if events else CsvWriter(stream, top)
    if form in (Format.audacity, Format.vtt, Format.srt):
        from perceiver_cli.report.timeline import TimelineWriter

        return TimelineWriter(stream, form)
    from perceiver_cli.report.labels import LabelsWriter

    return LabelsWriter(stream)
