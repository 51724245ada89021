"""perceiver report: an HTML page of results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perceiver_cli.choices import Device
from perceiver_cli.cli.options import (
    MACHINE,
    OUTPUT,
    DeviceOption,
    MethodOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from perceiver_cli.choices import Method
    from perceiver_cli.explanations import Explanation
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.inference.decoding.items import PreparedItem
    from perceiver_cli.inference.decoding.preparer import Preparer
    from perceiver_cli.results import Classification, Result


def report(
    records: Annotated[
        str,
        typer.Argument(
            metavar="RECORDS",
            help="Results of `classify --format jsonl`, json or --resume, or - for standard input.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The HTML page to write.", rich_help_panel=OUTPUT
        ),
    ],
    method: MethodOption = None,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures",
            help="Read the files again for thumbnails and where the model looked.",
            rich_help_panel=OUTPUT,
        ),
    ] = True,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME|FILE",
            help="The weights that were used, if they are neither bundled nor pulled.",
            show_default=False,
            rich_help_panel=MACHINE,
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
) -> None:
    """Make one HTML page of results.

    The page has counts by answer and kind, scores, unsure and failed files, and a searchable list
    of all files grouped by answer, each with a thumbnail, its answer, its predictions and where the
    model looked. It needs no network and no other file. `classify --report` makes the same page.

    \b
    Examples:
      perceiver report labels.jsonl -o labels.html
      perceiver classify -r holiday/ --report holiday.html
    """
    from perceiver_cli.cli.messages import print_message
    from perceiver_cli.cli.output import check_replaces_no_input, is_file
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.cli.progress import Bar
    from perceiver_cli.cli.report_page import ReportPage
    from perceiver_cli.errors import UsageError
    from perceiver_cli.inputs.names import STDIN
    from perceiver_cli.report.words import count, display_path

    if records != STDIN:
        check_replaces_no_input(output, [records])
    results = _read(records)
    if not results:
        raise UsageError(f"{display_path(records)}: contains no records")
    if pictures:
        set_up(threads)
    explainer = _Explainer(model, method, device.value, threads)
    page = ReportPage(output)
    missing = 0
    with Bar(len(results), task="Drawing") as bar:
        for result in results:
            explanation = None
            if pictures and result.ok and result.has_signal:
                explanation = explainer.explain(result)
                missing += explanation is None
            page.add(result, explanation)
            bar.advance()
    page.write()
    if missing:
        print_message(
            f"{count(missing, 'file')} without a picture: moved, changed, or from other weights"
        )
    if is_file(output):
        print_message(f"written to {display_path(str(output))}")


def _read(records: str) -> list[Result]:
    from perceiver_cli.errors import UsageError
    from perceiver_cli.inputs.names import STDIN
    from perceiver_cli.inputs.standard_input import standard_input
    from perceiver_cli.report.records import read_records

    if records == STDIN:
        return list(read_records(standard_input(), "standard input"))
    try:
        with open(records, "rb") as stream:
            return list(read_records(stream, records))
    except OSError as error:
        raise UsageError(f"{records}: {error.strerror}") from None


def _read_again(result: Classification, preparer: Preparer) -> PreparedItem | None:
    """The file in the windows of its Result; of several windows, only the clearest.

    Returns None if the file cannot be read, or has changed.
    """
    from perceiver_cli.errors import InputError
    from perceiver_cli.inference.decoding.items import FailedItem
    from perceiver_cli.inference.long_inputs import clearest_part, is_long
    from perceiver_cli.inputs.named_sources import named_source
    from perceiver_cli.preparation.base import ReadOptions

    try:
        source = named_source(result.path).fetched()
    except InputError:
        return None
    count = len(result.segments)
    if result.read.get("overlapping"):
        ways = [ReadOptions(timeline=True)]
    else:  # of a damaged file, some windows may have no segment
        ways = [ReadOptions(windows=max(1, count)), ReadOptions()]
    for read_options in ways:
        reader = replace(preparer, modality=result.modality, read_options=read_options)
        item = reader.prepare(source)
        if isinstance(item, FailedItem):
            return None
        # The record may be of a sound, and its path now that of a picture.
        starts = [round(w.location.get("start_s", -1.0), 3) for w in item.windows if count]
        if starts == [segment["start_s"] for segment in result.segments[: len(item.windows)]]:
            if not is_long(item):
                return item
            clearest = reader.prepare(clearest_part(source, result))
            return None if isinstance(clearest, FailedItem) else clearest
    return None


class _Explainer:
    """Explains recorded Results with the weights that predicted them."""

    def __init__(
        self, model: str | None, method: Method | None, device: str, threads: int | None
    ) -> None:
        self.model, self.method, self.device, self.threads = model, method, device, threads
        self._classifiers: dict[str, Classifier | None] = {}

    def explain(self, result: Classification) -> Explanation | None:
        """The explanation; None if the file cannot be read, or its weights are not installed."""
        from perceiver_cli.explain.explanation import explain_item

        classifier = self._classifier(result.model)
        item = _read_again(result, classifier.preparer) if classifier else None
        if classifier is None or item is None or not item.has_signal:
            return None
        return explain_item(item, result, classifier.engine_of(item), self.method)

    def _classifier(self, name: str) -> Classifier | None:
        from perceiver_cli.checkpoints import registry
        from perceiver_cli.inference.classifier import Classifier
        from perceiver_cli.preparation.base import SMALL_PREVIEW

        if name not in self._classifiers:
            model = self.model or (name if name in registry.known() else None)
            classifier = None
            if model:
                classifier = Classifier(
                    model, device=self.device, threads=self.threads, preview_sides=SMALL_PREVIEW
                )
                if classifier.header.name != name:
                    classifier = None
            self._classifiers[name] = classifier
        return self._classifiers[name]
