"""perceiver evaluate: accuracy and calibration on a labelled folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from perceiver_cli.choices import SURE, Device, Format, Precision
from perceiver_cli.cli.exit_codes import INPUT_FAILED
from perceiver_cli.cli.options import (
    MACHINE,
    OUTPUT,
    READING,
    DeviceOption,
    FailFastOption,
    ModelOption,
    PlainFormatOption,
    PrecisionOption,
    SureOption,
    ThreadsOption,
    modality_option,
)


def evaluate(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="DIR/<class>/... or DIR/{train,val,test}/<class>/..."),
    ],
    model: ModelOption = None,
    modality: Annotated[
        str | None,
        modality_option("Evaluate the default weights of this modality.", MACHINE),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The split to measure, if DIR has splits.", rich_help_panel=READING
        ),
    ] = "val",
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help="Also measure the same files under corruptions: noise, blur, rotation, ...",
            rich_help_panel=READING,
        ),
    ] = False,
    sure: SureOption = SURE,
    unknown: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Also measure files that belong to none of the classes: how many get an answer, "
            "and how many are familiar. Repeatable.",
            rich_help_panel=READING,
        ),
    ] = None,
    faithfulness: Annotated[
        bool,
        typer.Option(
            "--faithfulness",
            help="Measure the faithfulness of explanations instead of accuracy.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    files: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Measure only N files of the split, evenly spaced.",
            show_default=False,
            rich_help_panel=READING,
        ),
    ] = None,
    form: PlainFormatOption = Format.table,
    record: Annotated[
        str | None,
        typer.Option(
            "--record",
            metavar="NAME",
            help="Write the figures into the checkpoint's card under this name; requires --model "
            "FILE.safetensors.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    precision: PrecisionOption = Precision.auto,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="Inputs per batch.", rich_help_panel=MACHINE)
    ] = 32,
    threads: ThreadsOption = None,
    fail_fast: FailFastOption = False,
) -> None:
    """Measure accuracy on a labelled folder: top-1, top-5, class mean, calibration, per class.

    It also measures the answers: how many are given and correct as a class, a group or a kind, how
    well the scores of each level are calibrated, and how many files are familiar.

    With --faithfulness it measures how the score falls as elements are removed, heaviest first and
    lightest first by each method of `perceiver explain`, compared with a random order. If the
    figures are recorded on the card, `explain` uses the best of the methods that beat random.

    The exit code is 1 if a file failed; the figures are those of the other files. --faithfulness
    ignores such files.

    \b
    Examples:
      perceiver evaluate pets/ --model pets.safetensors
      perceiver evaluate sounds/ -m audio --format json
      perceiver evaluate shapes/ -m pointcloud --split test --robustness
      perceiver evaluate pets/ --model pets.safetensors --faithfulness
    """
    from perceiver_cli.cli.messages import print_message
    from perceiver_cli.errors import UsageError

    if model and modality:
        raise UsageError("--model and --modality cannot be combined")
    if not model and not modality:
        raise UsageError("--model or --modality is required")
    if faithfulness and (robustness or unknown):
        raise UsageError("--faithfulness cannot be combined with --robustness or --unknown")
    for each in unknown or ():
        if not each.is_dir():
            raise UsageError(f"--unknown {each}: no such folder")

    from perceiver_cli.checkpoints import registry
    from perceiver_cli.cli.command_line import own_command
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.cli.progress import Bar
    from perceiver_cli.explain.faithfulness import Faithfulness, measure_faithfulness
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.report.evaluation import few_items_warning, show_evaluation
    from perceiver_cli.training import evaluation
    from perceiver_cli.training.data.folder import evenly_spaced, read_folder

    if record and (model is None or model in registry.known()):
        raise UsageError(
            "--record writes into the checkpoint and requires --model FILE.safetensors"
        )
    path = registry.find(model) if model else registry.default_for(modality or "")
    labelled = read_folder(folder, split)
    if files:
        labelled = evenly_spaced(labelled, files)
    set_up(threads)
    classifier = Classifier(
        str(path),
        top=None,
        attention=False,
        sure=sure,
        batch_size=batch_size,
        device=device.value,
        precision=precision.value,
        threads=threads,
    )
    whole = labelled.files[0][0].relative_to(folder).parts[0] != split
    if whole and _trained_on(folder, classifier.header.card.get("command", "")):
        print_message(
            f"{folder}: the model was trained on these files, so the figures are too high; "
            "split the folder into train/ and val/"
        )
    measured: evaluation.Evaluation | Faithfulness
    with Bar(None, task="Measuring" if faithfulness else "Evaluating") as bar:
        if faithfulness:
            chosen = [file for file, _ in labelled.files]
            measured = measure_faithfulness(chosen, classifier, bar.advance)
        else:
            options = evaluation.EvaluationOptions(labelled, robustness, unknown or (), fail_fast)
            measured = evaluation.evaluate(options, classifier, bar.advance)
    if record:
        measured.record(path, record, own_command())
        print_message(f"wrote {path}")
    figures = measured.to_dict()
    if warning := few_items_warning(str(folder) if whole else split, figures["items"]):
        print_message(warning)
    if form is Format.json:
        from perceiver_cli.report.jsonlines import dumps

        print(dumps(figures, sys.stdout))
    else:
        from perceiver_cli.report.faithfulness import show_faithfulness
        from perceiver_cli.report.terminal import console_for

        show = show_faithfulness if faithfulness else show_evaluation
        show(console_for(sys.stdout), figures)
    if figures.get("failed"):
        raise typer.Exit(INPUT_FAILED)


def _trained_on(folder: Path, command: str) -> bool:
    """Whether a training's command names a folder; False if the command cannot be parsed."""
    try:
        words = shlex.split(command)
    except ValueError:  # such as an unbalanced quote, on the card of foreign weights
        return False
    return any(Path(word).resolve() == folder.resolve() for word in words)
