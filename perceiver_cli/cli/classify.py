"""perceiver classify: what files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from perceiver_cli.choices import SURE, Device, Format, Precision
from perceiver_cli.cli.classify_options import (
    ArchivesOption,
    AttentionOption,
    BatchSizeOption,
    ClassesOption,
    ClassifyFailFastOption,
    ExplainOption,
    FilesFromOption,
    FormatOption,
    JsonlOption,
    JsonOption,
    MinScoreOption,
    NullOption,
    OutputOption,
    PathsArgument,
    QuietOption,
    RayOption,
    RecursiveOption,
    ReportOption,
    ResumeOption,
    ShowOption,
    StrictOption,
    TimelineOption,
    TimeoutOption,
    TopOption,
    VerboseOption,
    WindowsOption,
)
from perceiver_cli.cli.formats import pick_format
from perceiver_cli.cli.options import (
    AUTO,
    DeviceOption,
    ExcludeOption,
    HiddenOption,
    IncludeOption,
    MethodOption,
    ModalityOption,
    ModelOption,
    PrecisionOption,
    ShardOption,
    SureOption,
    ThreadsOption,
    split_names,
)
from perceiver_cli.cli.running import print_message

if TYPE_CHECKING:
    from perceiver_cli.inputs.filters import FileFilter
    from perceiver_cli.report.journal import Journal
    from perceiver_cli.report.parquet.folder import ParquetFolder


def classify(
    paths: PathsArgument = None,
    recursive: RecursiveOption = False,
    files_from: FilesFromOption = None,
    null: NullOption = False,
    hidden: HiddenOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    archives: ArchivesOption = False,
    shard: ShardOption = None,
    modality: ModalityOption = AUTO,
    top: TopOption = 5,
    min_score: MinScoreOption = 0.0,
    sure: SureOption = SURE,
    classes: ClassesOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    output: OutputOption = None,
    resume: ResumeOption = None,
    attention: AttentionOption = None,
    explained: ExplainOption = None,
    show: ShowOption = False,
    page: ReportOption = None,
    method: MethodOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    fail_fast: ClassifyFailFastOption = False,
    model: ModelOption = None,
    timeline: TimelineOption = False,
    windows: WindowsOption = None,
    strict: StrictOption = False,
    timeout: TimeoutOption = None,
    batch_size: BatchSizeOption = 32,
    device: DeviceOption = Device.auto,
    precision: PrecisionOption = Precision.auto,
    threads: ThreadsOption = None,
    ray: RayOption = None,
) -> None:
    """Say what files are: pictures, sounds, 3D shapes, videos.

    A folder means the files in it; those that are not media are passed over. Results go to
    standard output in the order of the inputs, everything else to stderr.

    \b
    Examples:
      perceiver classify photo.jpg
      perceiver classify -r holiday/ --jsonl > labels.jsonl
      perceiver classify *.jpg --format '%n is a %l'
      curl -s https://example.org/dog.ogg | perceiver classify -
      find . -name '*.wav' -print0 | perceiver classify --files-from - -0
      perceiver classify -r archive/ --resume archive.jsonl
      perceiver classify -r holiday/ --report holiday.html

    \b
    Exit code: 0 all classified, 1 at least one input failed, 2 wrong usage,
    3 weights missing or corrupt, 4 no room for the results, 130 interrupted.
    """
    from perceiver_cli.cli.importing import importing

    with importing():
        from perceiver_cli.cli.batch import Batch
        from perceiver_cli.cli.output import check_replaces_no_input
        from perceiver_cli.cli.views import Views
        from perceiver_cli.errors import UsageError
        from perceiver_cli.inputs.filters import FileFilter, parse_shard
        from perceiver_cli.inputs.names import archive_kind, is_url
        from perceiver_cli.inputs.paths import find_inputs
        from perceiver_cli.report.timeline import OF_ONE_FILE

    file_filter = FileFilter(
        recursive=recursive,
        hidden=hidden,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        archives=archives,
        shard=parse_shard(shard) if shard else (1, 1),
    )
    if timeline and windows:
        raise UsageError("--timeline reads all of a file, --windows a part: choose one")
    inputs = find_inputs(paths or [], files_from=files_from, null=null, file_filter=file_filter)
    if ray is not None:
        if resume or page or explained or show or fail_fast:
            told = "--ray goes without --resume, --report, --explain, --show and --fail-fast"
            raise UsageError(told)
        form = form or (None if as_json or as_jsonl else Format.parquet)
    form = pick_format(form, as_json, as_jsonl, output, timeline)
    if resume:
        _check_resumable(paths or [], form, output)
        if page or explained:
            raise UsageError(
                "--report and --explain are of one run; perceiver report makes a page of a journal"
            )
    if form is Format.parquet:
        _check_folder(output)
        if page or explained:
            raise UsageError("--report and --explain are of one run, which parquet continues")
    check_replaces_no_input(output, paths or [])
    form = Format.jsonl if resume else form or Format.table
    # What holds events alone asks for them.
    timeline |= form in OF_ONE_FILE and windows is None
    if show and (form is not Format.table or output):
        raise UsageError("--show goes below tables on standard output")
    settings = {
        "model": model,
        "modality": modality,
        "top": top,
        "min_score": min_score,
        "sure": sure,
        "classes": _names(classes),
        "batch_size": batch_size,
        "device": device.value,
        "precision": precision.value,
        "threads": threads,
        "strict": strict,
        "timeline": timeline,
        "windows": windows,
    }
    if ray is not None:
        from perceiver_cli.cli.cluster import classify_on_cluster

        code = classify_on_cluster(
            paths or [],
            files_from=files_from,
            null=null,
            file_filter=file_filter,
            address=ray,
            output=output,
            form=form,
            timeout=timeout,
            attention=attention,
            quiet=quiet,
            settings=settings,
        )
        raise typer.Exit(code)
    journal: Journal | ParquetFolder | None = None
    if resume:
        journal = _open_journal(resume, attention, settings)
    elif form is Format.parquet and output:
        journal = _open_folder(output, attention, settings)
    views = None
    if explained or show or page:
        views = Views(explained, show, page, method)
    batch = Batch(
        inputs,
        form=form,
        output=output,
        # A list that someone is still writing has no length yet.
        countable=files_from is None,
        # Archives are read as they are listed, and buckets may be large.
        listable=not archives
        and not any(is_url(path) or archive_kind(path) for path in paths or []),
        quiet=quiet,
        verbose=verbose,
        full=show,
        fail_fast=fail_fast,
        top=top,
        events=timeline,
        one_kind=model is not None or modality != AUTO,
        journal=journal,
        views=views,
    )
    if batch.many and form in OF_ONE_FILE:
        raise UsageError(f"{form} holds the events of one sound or film: name one file")
    batch.run(attention, timeout, **settings)
    if batch.found_nothing and not recursive and not quiet:
        _suggest_recursive(paths or [], file_filter)
    raise typer.Exit(batch.exit_code)


def _names(options: list[str] | None) -> list[str]:
    """The classes of --classes, which may be repeated and holds several between commas."""
    from perceiver_cli.errors import UsageError

    names = [name for names in options or () for name in split_names(names)]
    if options and not names:
        raise UsageError("--classes names no class")
    return names


def _suggest_recursive(paths: list[str], file_filter: FileFilter) -> None:
    """For a call in whose folders there are only folders."""
    from perceiver_cli.inputs.paths import folders_in
    from perceiver_cli.report.words import display_path

    for path in paths:
        if folders_in(path, file_filter):
            print_message(f"{display_path(path)} holds folders: -r enters them")


def _check_resumable(paths: list[str], form: str | None, output: Path | None) -> None:
    from perceiver_cli.errors import UsageError

    if output or form not in (None, Format.jsonl):
        raise UsageError("--resume names the output, and its format is jsonl")
    if "-" in paths:
        raise UsageError("--resume is for files: standard input cannot be read again")


def _check_folder(output: Path | None) -> None:
    from perceiver_cli.errors import UsageError

    if output is None or str(output) == "-" or output.is_file():
        raise UsageError("--format parquet writes a folder: -o DIR")


def _open_folder(path: Path, attention: bool | None, settings: dict[str, Any]) -> ParquetFolder:
    from perceiver_cli.checkpoints.digest import fingerprint
    from perceiver_cli.report.parquet.folder import ParquetFolder

    options = {"attention": bool(attention), **settings}
    return ParquetFolder(path, fingerprint(settings["model"], options))


def _open_journal(path: Path, attention: bool | None, settings: dict[str, Any]) -> Journal:
    from perceiver_cli.checkpoints.digest import WeightsOf, options_digest
    from perceiver_cli.report.journal import Journal

    options = options_digest({"attention": attention is not False, **settings})
    return Journal(path, WeightsOf(settings["model"]), options)
