"""perceiver train: a labelled folder becomes a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perceiver_cli.choices import Device, Precision
from perceiver_cli.cli.options import (
    MACHINE,
    DeviceOption,
    FailFastOption,
    ThreadsOption,
    check_checkpoint_name,
    modality_option,
)

if TYPE_CHECKING:
    from perceiver_cli.checkpoints.format import Header

_DATA, _LENGTH, _MANNER = "What is learned", "How long", "How"


def train(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="DIR/<class>/... or DIR/{train,val}/<class>/..."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=check_checkpoint_name,
            help="The checkpoint to write (.safetensors).",
            rich_help_panel=_DATA,
        ),
    ],
    modality: Annotated[
        str | None,
        modality_option(
            "image (or picture), audio (sound), pointcloud (shape), video or av.", _DATA
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where decoded files and the resumable state are kept.  [default: OUTPUT.run]",
            show_default=False,
            rich_help_panel=_DATA,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME|FILE",
            help="Begin from these weights: a name, a modality or a file. A picture model sees "
            "a video's frames; any other's gives its latent transformers.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    hold_out: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=0.5,
            help="Of the training files, kept back to calibrate the scores; DIR/held/ serves "
            "instead where there is one.",
            rich_help_panel=_DATA,
        ),
    ] = 0.05,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Files of a class in whose names it finds the same text are kept back together, "
            "as pieces of one recording must be.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    refit_familiar: Annotated[
        bool,
        typer.Option(
            "--refit-familiar",
            help="Train nothing: fit the temperatures of the scores and what is familiar again, to "
            "the weights in FILE, from the folder they were trained on, with its --hold-out and "
            "--groups.",
            rich_help_panel=_DATA,
        ),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --refit-familiar: the classes' id, label, group and kind, between tabs.  "
            "[default: DIR/labels.tsv]",
            show_default=False,
            rich_help_panel=_DATA,
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another model's logits for the training files (not of shapes): files.txt and "
            "logits.npy, as weights/recipes/teach_pictures.py writes them, and of sounds also its "
            "features.npy.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON with data, licence and notes for the checkpoint's card.",
            rich_help_panel=_DATA,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="T", min=0.01, help="Time budget.", rich_help_panel=_LENGTH),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Step budget.", rich_help_panel=_LENGTH)
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=2, help="Items a step.", rich_help_panel=_MANNER)
    ] = 64,
    rate: Annotated[
        float, typer.Option(metavar="X", help="Peak learning rate.", rich_help_panel=_MANNER)
    ] = 2e-3,
    decay: Annotated[
        float, typer.Option(metavar="X", help="Weight decay.", rich_help_panel=_MANNER)
    ] = 0.05,
    balance: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="0 draws files as they come, 1 every class equally often.",
            rich_help_panel=_MANNER,
        ),
    ] = 0.5,
    mixup: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Probability that a batch mixes its items.",
            rich_help_panel=_MANNER,
        ),
    ] = 0.3,
    smoothing: Annotated[
        float,
        typer.Option(metavar="X", min=0, max=1, help="Label smoothing.", rich_help_panel=_MANNER),
    ] = 0.1,
    teacher_share: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Of every target, what the teacher says.",
            rich_help_panel=_MANNER,
        ),
    ] = 0.5,
    feature_weight: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0,
            help="Of the distance from the teacher's features, where it gives some.",
            rich_help_panel=_MANNER,
        ),
    ] = 1.0,
    latent_share: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0.01,
            max=1,
            help="Of the latents, used per step until the last tenth.",
            rich_help_panel=_MANNER,
        ),
    ] = 1.0,
    element_share: Annotated[
        float,
        typer.Option(
            metavar="X",
            min=0.01,
            max=1,
            help="Of the elements, read per step until the last tenth.",
            rich_help_panel=_MANNER,
        ),
    ] = 1.0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="model.NAME or input.NAME; repeatable. `models info` shows the names.",
            rich_help_panel=_MANNER,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="Of weights and augmentation.", rich_help_panel=_MANNER),
    ] = 0,
    device: DeviceOption = Device.auto,
    precision: Annotated[
        Precision,
        typer.Option(
            metavar="TYPE",
            help="What it computes in: auto, float32 or bfloat16.",
            rich_help_panel=MACHINE,
        ),
    ] = Precision.auto,
    threads: ThreadsOption = None,
    fail_fast: FailFastOption = False,
) -> None:
    """Train on a labelled folder of your own.

    The same call again goes on where it was stopped, even by force.

    \b
    Examples:
      perceiver train pets/ -m image --from image --minutes 5 -o pets.safetensors
      perceiver train sounds/ -m audio --minutes 60 -o sounds.safetensors
      perceiver train sounds/ -o sounds.safetensors --refit-familiar
    """
    from perceiver_cli.cli.running import print_message
    from perceiver_cli.errors import UsageError

    if refit_familiar:
        _refit(folder, output, run, hold_out, groups, labels, device, threads)
        return
    if labels:
        raise UsageError("--labels goes with --refit-familiar; a training reads DIR/labels.tsv")
    if modality is None:
        raise UsageError("say what is learned: --modality (-m)")
    if minutes is None and steps is None:
        raise UsageError("say how long to train: --minutes or --steps")
    if precision is Precision.int8:
        raise UsageError("--precision int8 has no gradients: train with float32 or bfloat16")

    from perceiver_cli.cli.process import set_up
    from perceiver_cli.cli.training_display import TrainingDisplay
    from perceiver_cli.device import pick_device
    from perceiver_cli.modalities import serving
    from perceiver_cli.model.quantization.precision import pick_precision
    from perceiver_cli.training.plan import Plan
    from perceiver_cli.training.run import TrainingOptions
    from perceiver_cli.training.run import train as train_folder

    set_up(threads, training=True)
    chosen_device = pick_device(device.value)
    chosen = pick_precision(precision.value, chosen_device)
    plan = Plan(
        minutes=minutes,
        steps=steps,
        batch=batch_size,
        rate=rate,
        decay=decay,
        balance=balance,
        mixup=mixup,
        smoothing=smoothing,
        latents=latent_share,
        elements=element_share,
        teacher_share=teacher_share,
        feature_weight=feature_weight,
        precision=str(chosen).removeprefix("torch."),
        seed=seed,
    )
    options = TrainingOptions(
        folder=folder,
        modality=serving(modality),
        output=output,
        run=run or output.with_suffix(".run"),
        plan=plan,
        settings=_read_settings(settings or []),
        start=_find_start(start),
        held_out=hold_out,
        groups=groups,
        teacher=teacher,
        card=_read_card(card) | {"command": own_command()},
        fail_fast=fail_fast,
        device=chosen_device.type,
    )
    try:
        with TrainingDisplay() as display:
            header = train_folder(options, display)
    except KeyboardInterrupt:
        print_message("the same call again goes on from here")
        raise
    _print_measured(header)
    if not header.card.get("measured"):
        print_message(
            "no file was held out: the scores are not calibrated, and nothing was measured"
        )
    print(f"wrote {output}")


def _refit(
    folder: Path,
    checkpoint: Path,
    run: Path | None,
    hold_out: float,
    groups: str | None,
    labels: Path | None,
    device: Device,
    threads: int | None,
) -> None:
    """Everything that is fitted after a training."""
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.cli.training_display import TrainingDisplay
    from perceiver_cli.device import pick_device
    from perceiver_cli.training.refit import RefitOptions, refit

    set_up(threads)
    options = RefitOptions(
        checkpoint,
        folder,
        run or checkpoint.with_suffix(".run"),
        hold_out,
        groups,
        labels,
        pick_device(device.value).type,
    )
    with TrainingDisplay() as display:
        header = refit(options, display.decoded)
    _print_measured(header)
    print(f"wrote {checkpoint}")


def _print_measured(header: Header) -> None:
    """Figures of the held-out files."""
    from perceiver_cli.cli.running import print_message
    from perceiver_cli.report.evaluation import few_items_warning, share_in_words
    from perceiver_cli.training.calibration import HELD

    figures = header.card.get("measured", {}).get(HELD)
    if not figures:
        return
    print(
        f"{HELD}: top-1 {share_in_words(figures)}, "
        f"top-5 {figures['top5']:.1%}, class mean {figures['class_mean']:.1%}"
    )
    if warning := few_items_warning(HELD, figures["items"]):
        print_message(warning)


def own_command() -> str:
    """This call as a shell would read it."""
    import shlex

    return shlex.join(["perceiver", *sys.argv[1:]])


def _find_start(name: str | None) -> Path | None:
    from perceiver_cli.checkpoints import registry

    if name is None:
        return None
    return registry.default_for(name) if name in registry.defaults() else registry.find(name)


def _read_settings(pairs: list[str]) -> dict[str, Any]:
    """["model.latents=48"] -> {"model.latents": 48}; values are JSON, or plain words."""
    from perceiver_cli.errors import UsageError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: write NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _read_card(path: Path | None) -> dict[str, Any]:
    from perceiver_cli.errors import UsageError

    if path is None:
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    if not isinstance(card, dict):
        raise UsageError(f"{path}: a card is a JSON object")
    return card
