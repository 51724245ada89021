"""The output of classify: where results go, and in which format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from perceiver_cli.choices import Format
from perceiver_cli.cli.formats import pick_format
from perceiver_cli.cli.output import check_different, check_folder
from perceiver_cli.cli.replaced_inputs import check_replaces_no_input_of
from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.names import is_url
from perceiver_cli.report.timeline import OF_ONE_FILE

if TYPE_CHECKING:
    from perceiver_cli.cli.selection import Selection
    from perceiver_cli.inference.settings import ClassifierSettings
    from perceiver_cli.report.journal import Journal
    from perceiver_cli.report.parquet.folder import ParquetFolder


@dataclass(frozen=True)
class OutputOptions:
    """The output options of a call, as they were given.

    Attributes:
        format: --format, a format or a template.
        as_json: --json.
        as_jsonl: --jsonl.
        output: -o, a path or, for a cluster, a URL.
        resume: --resume, a journal.
        explain: --explain, a folder of attention pictures.
        show: --show, heat maps below tables.
        report: --report, a page.
        timeline: Whether all of each sound and film is read.
    """

    format: str | None
    as_json: bool
    as_jsonl: bool
    output: str | None
    resume: Path | None
    explain: Path | None
    show: bool
    report: Path | None
    timeline: bool

    @property
    def explains(self) -> bool:
        """Whether results are also explained."""
        return bool(self.explain or self.show or self.report)


@dataclass(frozen=True)
class Destination:
    """The output of results: the journal if there is one, otherwise `output` in `format`.

    Attributes:
        format: A format, or a template.
        output: A file or folder; None is standard output.
        resume: A journal.
    """

    format: Format | str
    output: Path | None
    resume: Path | None

    @property
    def is_of_one_file(self) -> bool:
        """Whether the format supports only the events of a single sound or video."""
        return self.format in OF_ONE_FILE

    def open_journal(
        self, attention: bool | None, settings: ClassifierSettings
    ) -> Journal | ParquetFolder | None:
        """The journal or folder that records which inputs are done; None for other outputs.

        Args:
            attention: Whether the call asks for attention statistics; None if it does not say.
            settings: The Classifier's. Results of other settings are refused.

        Raises:
            UsageError: Existing results come from other settings, or cannot be used.
        """
        from perceiver_cli.checkpoints.digest import WeightsOf, options_digest, run_fingerprint
        from perceiver_cli.report.journal import Journal
        from perceiver_cli.report.parquet.folder import ParquetFolder

        model = settings["model"]
        if self.resume:
            digits = options_digest({"attention": attention is not False, **settings})
            return Journal(self.resume, WeightsOf(model), digits)
        if self.format is Format.parquet and self.output:
            options = {"attention": bool(attention), **settings}
            return ParquetFolder(self.output, run_fingerprint(model, options))
        return None


@dataclass(frozen=True)
class ClusterDestination:
    """The output of the results of a cluster.

    Attributes:
        address: The address of the cluster: "auto", "local" or HOST:PORT.
        format: parquet or jsonl.
        output: A folder or its URL, as given in the call.
    """

    address: str
    format: Format
    output: str

    is_of_one_file: ClassVar[bool] = False


def pick_destination(options: OutputOptions, selection: Selection) -> Destination:
    """Picks the output of results.

    Args:
        options: The output options, as they were given.
        selection: The inputs, none of which the output may replace.

    Raises:
        UsageError: Options contradict each other, the format or ending is unknown, or -o is a URL.
    """
    if options.output is not None and is_url(options.output):
        raise UsageError(f"-o {options.output}: only --ray writes to a URL; name a local path")
    output = None if options.output is None else Path(options.output)
    format = pick_format(
        options.format, options.as_json, options.as_jsonl, output, options.timeline
    )
    if options.resume:
        _check_resumable(format, output, selection)
        format = Format.jsonl
        if options.report or options.explain:
            raise UsageError(
                "--resume cannot be combined with --report or --explain; "
                "to make a page of a journal, use perceiver report"
            )
    format = format or Format.table
    if format is Format.parquet:
        check_folder(output, "--format parquet")
        if options.report or options.explain:
            raise UsageError("--format parquet cannot be combined with --report or --explain")
    check_different(output, "-o", options.report, "--report")
    for path in (output, options.report):
        check_replaces_no_input_of(path, selection)
    if options.show and (format is not Format.table or output):
        raise UsageError("--show requires a table on standard output")
    return Destination(format, output, options.resume)


def pick_cluster_destination(
    options: OutputOptions, address: str, *, fail_fast: bool
) -> ClusterDestination:
    """Picks the output of the results of a cluster; the default format is parquet.

    Args:
        options: The output options, as they were given.
        address: The address of the cluster.
        fail_fast: Whether --fail-fast was given, which clusters do not support.

    Raises:
        UsageError: Options contradict each other, the format is unknown, or -o names no folder.
    """
    if options.resume or options.explains or fail_fast:
        raise UsageError(
            "--ray cannot be combined with --resume, --report, --explain, --show or --fail-fast"
        )
    named = options.format
    if not (named or options.as_json or options.as_jsonl):
        named = Format.parquet
    output = None if options.output is None else Path(options.output)
    format = pick_format(named, options.as_json, options.as_jsonl, output, options.timeline)
    if format not in (Format.parquet, Format.jsonl):
        raise UsageError("--ray supports only the format parquet or jsonl")
    check_folder(output, "--ray")
    return ClusterDestination(address, Format(format), options.output or "")


def _check_resumable(format: str | None, output: Path | None, selection: Selection) -> None:
    if output or format not in (None, Format.jsonl):
        raise UsageError(
            "--resume names the output file and cannot be combined with -o or a format"
        )
    if selection.reads_stdin:
        raise UsageError("--resume does not support standard input, which cannot be read again")
