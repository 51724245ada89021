"""One run over many inputs: results to their writer, failures to stderr, and the final count."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from perceiver_cli.choices import Format
from perceiver_cli.cli.importing import importing
from perceiver_cli.cli.interrupts import stop_on_interrupt
from perceiver_cli.cli.output import open_output
from perceiver_cli.cli.process import set_up
from perceiver_cli.cli.progress import Bar
from perceiver_cli.cli.running import INPUT_FAILED, print_message
from perceiver_cli.cli.views import Views
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inputs.names import archive_kind
from perceiver_cli.inputs.paths import Input
from perceiver_cli.media.types import Source
from perceiver_cli.report import Writer, writer_for
from perceiver_cli.report.journal import Journal
from perceiver_cli.report.parquet.folder import ParquetFolder
from perceiver_cli.report.words import count, display_path, seconds_in_words
from perceiver_cli.results import Result

# Formats that contain attention statistics, for any number of inputs.
_WITH_ATTENTION = (Format.json, Format.jsonl)

# More inputs than this are decoded in subprocesses, with this time limit for each.
FEW = 4
TIMEOUT_S = 300.0


class Batch:
    """Classifies inputs, writes their Results, and reports a summary.

    countable: whether to wait for the first inputs to see how many there are; a list that may still
    be written is read as it arrives, and counts as many; listable: whether all inputs may be listed
    in advance to show their number; full: a table for each input, however many; top: number of
    predictions with columns in csv; events: csv has a row for each event; one_kind: the call names
    one modality or model, so that other media count as passed over too; journal: replaces the
    output, and knows the inputs that are done; views: further output for each Result.
    """

    def __init__(
        self,
        inputs: Iterator[Input],
        *,
        form: Format | str,
        output: Path | None,
        countable: bool,
        listable: bool = True,
        quiet: bool = False,
        verbose: bool = False,
        full: bool = False,
        fail_fast: bool = False,
        top: int = 1,
        events: bool = False,
        one_kind: bool = False,
        journal: Journal | ParquetFolder | None = None,
        views: Views | None = None,
    ) -> None:
        first = list(islice(inputs, FEW + 1)) if countable else []
        self.many = len(first) > 1 or not countable
        self.few = len(first) <= FEW and countable
        self.inputs: Iterator[Input] = chain(first, inputs)
        self.form = form
        self.output = output
        self.listable = countable and listable
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self.full = full or self.verbose
        self.fail_fast = fail_fast
        self.top = top
        self.events = events
        self.one_kind = one_kind
        self.journal = journal
        self.views = views
        self.restricted = False
        self.classified = self.unsure = self.failed = self.passed_over = self.archives = 0
        # Counted by the thread that reads the inputs.
        self.done_before = self.failed_before = 0
        self._waiting: deque[Input] = deque()

    @property
    def found_nothing(self) -> bool:
        """True if no input was classified, now or before, and none failed."""
        return not (self.classified or self.failed or self.done_before)

    @property
    def exit_code(self) -> int:
        """0 if every input was classified."""
        return INPUT_FAILED if self.failed or self.failed_before else 0

    def run(self, attention: bool | None, timeout: float | None, **settings: Any) -> None:
        """Classifies everything. settings: of the Classifier, without attention and timeout.

        attention None measures it only where the output shows it; timeout None limits, and
        isolates, the decoding of more than a few inputs. Raises KeyboardInterrupt after the batch
        in which it was interrupted.
        """
        self.restricted = bool(settings.get("classes"))
        shows = self.form in _WITH_ATTENTION or (
            self.form is Format.table and (self.full or not self.many)
        )
        shows |= bool(self.views and self.views.page)
        if timeout is None and not self.few:
            timeout = TIMEOUT_S
        with self._open() as (writer, stream):
            with importing():
                from perceiver_cli.inference.classifier import Classifier

            set_up(settings.get("threads"))
            classifier = Classifier(
                attention=shows if attention is None else attention,
                timeout=timeout,
                preview_sides=self.views.sides if self.views else None,
                **settings,
            )
            if self.verbose:
                print_message(f"computing on {classifier.device} in {classifier.precision}")
            started = time.perf_counter()
            # Rows on the terminal need no progress bar.
            wanted = self.many and not self.quiet and not (stream and stream.isatty())
            with (
                self._told_how_to_go_on(),
                Bar(self._total(), wanted=wanted) as bar,
                stop_on_interrupt(classifier.stop),
            ):
                self._write_all(classifier, writer, bar)
            if self.journal and not (self.fail_fast and self.failed):
                self.journal.complete()
        if not self.quiet:
            self._print_summary(time.perf_counter() - started)

    @contextmanager
    def _open(self) -> Iterator[tuple[Writer, IO[str] | None]]:
        """The writer, and the stream it writes to unless that is the journal."""
        if self.journal:
            with closing(self.journal):
                yield self.journal, None
            return
        with open_output(self.output) as stream:
            many = self.many and not self.full
            yield (
                writer_for(
                    self.form,
                    stream,
                    many=many,
                    verbose=self.verbose,
                    top=self.top,
                    events=self.events,
                ),
                stream,
            )

    @contextmanager
    def _told_how_to_go_on(self) -> Iterator[None]:
        """After Ctrl-C, what the next call does not have to do again."""
        try:
            yield
        except KeyboardInterrupt:
            if self.many and not self.quiet:
                print_message(
                    "the same call again does what is left"
                    if self.journal
                    else "with --resume JOURNAL.jsonl, the same call again does only what is left"
                )
            raise

    def _total(self) -> int | None:
        if not self.listable or not sys.stderr.isatty():
            return None
        listed = list(self.inputs)
        self.inputs = iter(listed)
        return len(listed)

    def _write_all(self, classifier: Any, writer: Writer, bar: Bar) -> None:
        writer.begin()
        with closing(classifier.stream_items(self._sources())) as results:
            for item, result in results:
                self._handle(item, result, writer, classifier)
                bar.advance()
                if self.fail_fast and self.failed:
                    break
        writer.end()
        if self.views:
            self.views.end()

    def _sources(self) -> Iterator[Source]:
        for each in self.inputs:
            if self.journal and (entry := self.journal.done(each.source)):
                self.done_before += 1
                self.failed_before += not entry.ok
                continue
            self._waiting.append(each)
            yield each.source

    def _handle(self, item: Item, result: Result, writer: Writer, classifier: Any) -> None:
        source, named, _ = self._waiting.popleft()
        if result.ok:
            self.classified += 1
            self.unsure += result.signal == "present" and result.answer is None
            if not self.quiet:
                for note in result.notes:
                    print_message(f"{display_path(result.path)}: {note}")
        elif not named and isinstance(item, FailedItem) and item.is_no_media:
            self.passed_over += 1
            self.archives += archive_kind(source.path) is not None
            if self.verbose:
                print_message(f"passed over {display_path(result.path)}: {result.error.message}")
            return
        else:
            self.failed += 1
            print_message(f"{display_path(result.path)}: {result.error.message}")
            if self.verbose and result.error.detail:
                print_message(f"  {result.error.detail}")
        if self.views:
            result = self.views.explain(item, result, classifier)
        writer.write(result)
        if self.views:
            self.views.add(result)

    def _print_summary(self, seconds: float) -> None:
        """The closing notes: files passed over and, for many inputs, a summary."""
        if self.restricted and self.many:
            print_message("scores are shared among the classes asked for, whatever a file is")
        if self.passed_over:
            verb = "is" if self.passed_over == 1 else "are"
            wanted = "of the kind asked for" if self.one_kind else "media"
            told = f"passed over {count(self.passed_over, 'file')} that {verb} not {wanted}"
            # With --archives they are none of those: their members are.
            hint = f" ({count(self.archives, 'archive')}: --archives reads them)"
            print_message(told + (hint if self.archives else ""))
        if self.done_before:
            verb = "was" if self.done_before == 1 else "were"
            failed = f" ({self.failed_before} failed)" if self.failed_before else ""
            print_message(f"{count(self.done_before, 'input')} {verb} done before{failed}")
        elif self.found_nothing:
            print_message("nothing to classify")
        watched = self.form is Format.table or sys.stderr.isatty()
        if self.many and watched and self.classified + self.failed:
            unsure = f" ({self.unsure} unsure)" if self.unsure else ""
            failed = f", {self.failed} failed" if self.failed else ""
            print_message(
                f"{self.classified} classified{unsure}{failed} in {seconds_in_words(seconds)}"
            )
        for path in self._written():
            print_message(f"written to {display_path(str(path))}")

    def _written(self) -> Iterator[Path]:
        """The files that the run wrote, for its last line."""
        if self.journal:
            yield self.journal.named
        elif self.output and self.output.is_file():
            yield self.output
        if self.views:
            yield from self.views.written
