"""perceiver classify: classifies files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from perceiver_cli.choices import SURE, Device, Precision
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
)

if TYPE_CHECKING:
    from perceiver_cli.inference.settings import ClassifierSettings


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
    format: FormatOption = None,
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

    A folder stands for the files in it; files that are not media are passed over. Results go to
    standard output in the order of the inputs, everything else to stderr.

    \b
    Examples:
      perceiver classify photo.jpg
      perceiver classify -r holiday/ --jsonl > labels.jsonl
      perceiver classify *.jpg --format '%n: %l'
      curl -s https://example.org/dog.ogg | perceiver classify -
      find . -name '*.wav' -print0 | perceiver classify --files-from - -0
      perceiver classify -r archive/ --resume archive.jsonl
      perceiver classify -r holiday/ --report holiday.html

    \b
    Exit code: 0 all classified, 1 at least one input failed, 2 wrong usage,
    3 weights missing or corrupt, 4 disk full, 130 interrupted.
    """
    from perceiver_cli.cli.importing import importing

    with importing():
        from perceiver_cli.cli.classify_run import ClassifyRun
        from perceiver_cli.cli.destination import (
            ClusterDestination,
            OutputOptions,
            pick_cluster_destination,
            pick_destination,
        )
        from perceiver_cli.cli.explanation_outputs import ExplanationOutputs
        from perceiver_cli.cli.selection import Selection
        from perceiver_cli.cli.summary import exit_code
        from perceiver_cli.errors import UsageError
        from perceiver_cli.inputs.filters import FileFilter, parse_shard

    if timeline and windows:
        raise UsageError("--timeline and --windows cannot be combined")
    selection = Selection(
        paths or [],
        files_from,
        null,
        FileFilter(
            recursive=recursive,
            hidden=hidden,
            include=tuple(include or ()),
            exclude=tuple(exclude or ()),
            archives=archives,
            shard=parse_shard(shard) if shard else (1, 1),
            outputs=frozenset({os.path.realpath(explained)} if explained else ()),
        ),
    )
    options = OutputOptions(
        format, as_json, as_jsonl, output, resume, explained, show, page, timeline
    )
    destination = (
        pick_destination(options, selection)
        if ray is None
        else pick_cluster_destination(options, ray, fail_fast=fail_fast)
    )
    settings: ClassifierSettings = {
        "model": model,
        "modality": modality,
        "top": top,
        "min_score": min_score,
        "sure": sure,
        "classes": _class_names(classes or [], model),
        "batch_size": batch_size,
        "device": device.value,
        "precision": precision.value,
        "threads": threads,
        "strict": strict,
        # Formats that contain only events imply --timeline.
        "timeline": timeline or (destination.is_of_one_file and windows is None),
        "windows": windows,
    }
    if isinstance(destination, ClusterDestination):
        from perceiver_cli.cli.cluster import classify_on_cluster

        code = classify_on_cluster(
            selection,
            destination,
            settings,
            attention=attention,
            timeout=timeout,
            quiet=quiet,
        )
        raise typer.Exit(code)
    run = ClassifyRun(
        selection,
        destination,
        settings,
        attention=attention,
        timeout=timeout,
        explanations=(
            ExplanationOutputs(explained, show, page, method, selection)
            if options.explains
            else None
        ),
        show_all=show,
        quiet=quiet,
        verbose=verbose,
        fail_fast=fail_fast,
    )
    run.run()
    raise typer.Exit(exit_code(run.counts))


def _class_names(options: list[str], model: str | None) -> list[str]:
    """The classes of --classes, which may be repeated and may have several, separated by commas."""
    if not options:
        return []
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.errors import UsageError
    from perceiver_cli.inference.chosen_classes import split_classes
    from perceiver_cli.inference.decoding.preparer import default_weights

    names = split_classes(options, registry.find(model) if model else default_weights())
    if not names:
        raise UsageError("--classes does not name any class")
    return names
