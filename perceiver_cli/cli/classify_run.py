"""A run of classify: results go to their writer, failures to stderr."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from perceiver_cli.choices import TIMEOUT_S, Format
from perceiver_cli.cli.destination import Destination
from perceiver_cli.cli.explanation_outputs import ExplanationOutputs
from perceiver_cli.cli.importing import importing
from perceiver_cli.cli.input_count import counting
from perceiver_cli.cli.interrupts import stop_on_interrupt
from perceiver_cli.cli.messages import print_message
from perceiver_cli.cli.options import AUTO
from perceiver_cli.cli.output import is_file, open_output
from perceiver_cli.cli.process import set_up
from perceiver_cli.cli.progress import Bar
from perceiver_cli.cli.selection import Selection
from perceiver_cli.cli.summary import (
    print_classified,
    print_done_before,
    print_empty_folders,
    print_passed_over,
)
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inputs.names import archive_kind, split_member
from perceiver_cli.inputs.paths import Input
from perceiver_cli.media.source import Source
from perceiver_cli.report import Writer, writer_for
from perceiver_cli.report.run_counts import RunCounts
from perceiver_cli.report.timeline import has_events
from perceiver_cli.report.words import display_path
from perceiver_cli.results import Classification, Result

if TYPE_CHECKING:
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.inference.settings import ClassifierSettings

# Formats that contain attention statistics, for any number of inputs.
_WITH_ATTENTION = (Format.json, Format.jsonl)

# Number of inputs above which they are decoded in subprocesses with a time limit.
FEW = 4


class _NoEventsError(Exception):
    """The only input failed, so its events are not written to a file."""


class ClassifyRun:
    """Classifies inputs, writes their Results, and prints a summary.

    Args:
        selection: The inputs.
        destination: The output of the Results.
        settings: The Classifier's, without attention and timeout.
        attention: Whether attention is measured; None: if the output shows it.
        timeout: Seconds for decoding one input; None: a default limit, with decoding in
            subprocesses, if there are more than a few inputs.
        explanations: Further output for each Result.
        show_all: Whether each input gets a table even if there are many.
        quiet: Whether only failures are printed to stderr.
        verbose: Whether files passed over and details of failures are printed too.
        fail_fast: Whether the first failure ends the run.

    Raises:
        UsageError: The call is wrong, or its journal has results of other settings.
    """

    def __init__(
        self,
        selection: Selection,
        destination: Destination,
        settings: ClassifierSettings,
        *,
        attention: bool | None,
        timeout: float | None,
        explanations: ExplanationOutputs | None,
        show_all: bool,
        quiet: bool,
        verbose: bool,
        fail_fast: bool,
    ) -> None:
        inputs = selection.find()
        # A list that may still be written is read as it arrives, and is treated as many inputs.
        first = list(islice(inputs, FEW + 1)) if selection.countable else []
        self.many = len(first) > 1 or not selection.countable
        if self.many and destination.is_of_one_file:
            raise UsageError(
                f"--format {destination.format} supports a single sound or video; give one file"
            )
        self.inputs: Iterator[Input] = chain(first, inputs)
        self.selection = selection
        self.archives_closed = not selection.file_filter.archives
        self.destination = destination
        self.settings = settings
        self.explanations = explanations
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self.tables = show_all or self.verbose or not self.many
        self.fail_fast = fail_fast
        self.counts = RunCounts()
        few = len(first) <= FEW and selection.countable
        self.timeout = TIMEOUT_S if timeout is None and not few else timeout
        self.attention = self._shows_attention() if attention is None else attention
        self.journal = destination.open_journal(attention, settings)
        self._waiting: deque[Input] = deque()

    def run(self) -> None:
        """Classifies all inputs.

        Raises KeyboardInterrupt after the batch in which it was interrupted.
        """
        with suppress(_NoEventsError), self._open() as (writer, stream):
            with importing():
                from perceiver_cli.inference.classifier import Classifier

            set_up(self.settings.get("threads"))
            classifier = Classifier(
                **self.settings,
                attention=self.attention,
                timeout=self.timeout,
                preview_sides=self.explanations.preview_sides if self.explanations else None,
            )
            if self.verbose:
                print_message(f"computing on {classifier.device} in {classifier.precision}")
            started = time.perf_counter()
            # Rows on the terminal need no progress bar.
            wanted = self.many and not self.quiet and not (stream and stream.isatty())
            with (
                self._interruption_hints(),
                Bar(None, wanted=wanted) as bar,
                counting(self.selection, bar),
                stop_on_interrupt(classifier.stop),
            ):
                self._write_all(classifier, writer, bar)
            # Not reached by a run that is interrupted, as its page would lack most files.
            if self.explanations:
                self.explanations.end()
            if self.destination.is_of_one_file and not self.counts.classified:
                raise _NoEventsError
            if self.journal and not (self.fail_fast and self.counts.failed):
                self.journal.complete()
        if not self.quiet:
            self._print_summary(time.perf_counter() - started)

    def _shows_attention(self) -> bool:
        """Whether the output has attention statistics."""
        format = self.destination.format
        in_tables = format is Format.table and self.tables
        on_page = bool(self.explanations and self.explanations.page)
        return format in _WITH_ATTENTION or in_tables or on_page

    @contextmanager
    def _open(self) -> Iterator[tuple[Writer, IO[str] | None]]:
        """The writer, and the stream it writes to unless that is the journal."""
        if self.journal:
            with closing(self.journal):
                yield self.journal, None
            return
        with open_output(self.destination.output) as stream:
            writer = writer_for(
                self.destination.format,
                stream,
                many=not self.tables,
                verbose=self.verbose,
                top=self.settings.get("top") or 1,
                events=self.settings.get("timeline", False),
            )
            yield writer, stream

    @contextmanager
    def _interruption_hints(self) -> Iterator[None]:
        """Prints, after Ctrl-C, what was not written and how to continue."""
        try:
            yield
        except KeyboardInterrupt:
            if not self.quiet and self.explanations and (page := self.explanations.page):
                print_message(f"{display_path(str(page.path))} was not written")
            if self.many and not self.quiet:
                print_message(
                    "run the same command again to continue"
                    if self.journal
                    else "a run with --resume JOURNAL.jsonl can be continued after an interruption"
                )
            raise

    def _write_all(self, classifier: Classifier, writer: Writer, bar: Bar) -> None:
        writer.begin()
        with closing(classifier.stream_items(self._sources())) as results:
            for item, result in results:
                self._handle(item, result, writer, classifier)
                bar.advance()
                if self.fail_fast and self.counts.failed:
                    break
        writer.end()

    def _sources(self) -> Iterator[Source]:
        for each in self.inputs:
            if self.journal:
                if self.journal.is_claimed(each.source):
                    continue
                if entry := self.journal.claim(each.source):
                    self.counts.done_before += 1
                    self.counts.failed_before += not entry.ok
                    continue
            self._waiting.append(each)
            yield each.source

    def _handle(self, item: Item, result: Result, writer: Writer, classifier: Classifier) -> None:
        source, named, _ = self._waiting.popleft()
        if result.ok:
            self.counts.classified += 1
            if not result.has_signal:
                self.counts.without_signal += 1
            elif result.lacks_classes:
                self.counts.without_classes += 1
            elif result.answer is None:
                self.counts.unsure += 1
            if not self.quiet:
                for note in result.notes:
                    print_message(f"{display_path(result.path)}: {note}")
        elif not named and isinstance(item, FailedItem) and item.is_no_media:
            self.counts.passed_over += 1
            if member := split_member(source.path):
                self.counts.nested_archives += archive_kind(member.member) is not None
            elif self.archives_closed:
                self.counts.archives += archive_kind(source.path) is not None
            if self.verbose:
                print_message(f"passed over {display_path(result.path)}: {result.error.message}")
            return
        else:
            self.counts.failed += 1
            print_message(f"{display_path(result.path)}: {result.error.message}")
            if self.verbose and result.error.detail:
                print_message(f"  {result.error.detail}")
        if self.explanations:
            try:
                result, explanation = self.explanations.explain(item, result, classifier)
            except OSError:  # the drawing cannot be written; the result can
                writer.write(result)
                raise
            writer.write(result)
            self.explanations.add(result, explanation)
        else:
            writer.write(result)
        if result.ok and self.destination.is_of_one_file and not self.quiet:
            self._tell_of_no_events(result)

    def _tell_of_no_events(self, result: Classification) -> None:
        if not has_events(result, self.destination.format):
            print_message(f"{display_path(result.path)}: there are no events to write")

    def _print_summary(self, seconds: float) -> None:
        counts, settings = self.counts, self.settings
        if settings.get("classes") and self.many:
            print_message(
                "with --classes, scores are shared among these classes, whatever a file contains"
            )
        one_kind = settings.get("model") is not None or settings.get("modality") != AUTO
        print_passed_over(counts, "of the requested kind" if one_kind else "media")
        print_done_before(counts)
        print_empty_folders(self.selection, counts)
        written = list(self._written())
        # Scripts that read results from standard output get no message about them.
        watched = self.destination.format is Format.table or written or sys.stderr.isatty()
        if self.many and watched and counts.done:
            print_classified(counts, seconds)
        for path in written:
            print_message(f"written to {display_path(str(path))}")

    def _written(self) -> Iterator[Path]:
        """The files that the run wrote, for its last line."""
        if self.journal:
            yield self.journal.named
        elif self.destination.is_of_one_file and not self.counts.classified:
            pass
        elif (output := self.destination.output) and is_file(output):
            yield output
        if self.explanations:
            yield from self.explanations.written
