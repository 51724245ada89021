"""Writers of Results for people and programs. They need neither models nor loaders."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Protocol

from perceiver_cli.choices import Format

if TYPE_CHECKING:
    from perceiver_cli.results import Result

# Extension of an output file -> format.
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
        """Writes and flushes one Result."""

    def end(self) -> None:
        """Writes what comes after the last Result."""


def writer_for(
    format: Format | str,
    stream: IO[str],
    *,
    many: bool,
    verbose: bool = False,
    top: int = 1,
    events: bool = False,
) -> Writer:
    """The writer of a format.

    Args:
        format: The format, or a template such as "%p: %l"; see template.py.
        stream: Where it writes.
        many: Whether there is more than one input, so that a table has one row for each.
        verbose: Whether a table shows everything about each input instead.
        top: Number of predictions with columns of their own in csv.
        events: Whether csv has a row for each event instead of one for each input.

    Raises:
        ValueError: The format, or a field of the template, is unknown.
    """
    if format not in list(Format) and "%" in format:
        from perceiver_cli.report.template import TemplateWriter

        return TemplateWriter(stream, format)
    format = Format(format)
    if format is Format.table:
        from perceiver_cli.report.table import DetailWriter, RowWriter

        return RowWriter(stream) if many and not verbose else DetailWriter(stream, verbose)
    if format in (Format.json, Format.jsonl):
        from perceiver_cli.report.jsonlines import JsonLinesWriter, JsonWriter

        return JsonWriter(stream) if format is Format.json else JsonLinesWriter(stream)
    if format is Format.csv:
        from perceiver_cli.report.csv import events_writer, inputs_writer

        return events_writer(stream) if events else inputs_writer(stream, top)
    if format in (Format.audacity, Format.vtt, Format.srt):
        from perceiver_cli.report.timeline import TimelineWriter

        return TimelineWriter(stream, format)
    from perceiver_cli.report.labels import LabelsWriter

    return LabelsWriter(stream)
