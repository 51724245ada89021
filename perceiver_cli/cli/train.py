"""perceiver train: trains a checkpoint on a labelled folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_cli.choices import Device, Precision
from perceiver_cli.cli.options import (
    DeviceOption,
    FailFastOption,
    ThreadsOption,
)
from perceiver_cli.cli.train_options import (
    BalanceOption,
    BatchSizeOption,
    CardOption,
    CheckpointOutputOption,
    DecayOption,
    ElementShareOption,
    FeatureWeightOption,
    FolderArgument,
    FromOption,
    GroupsOption,
    HoldOutOption,
    LabelsOption,
    LatentShareOption,
    MinutesOption,
    MixupOption,
    RateOption,
    RefitFamiliarOption,
    RunOption,
    SeedOption,
    SetOption,
    SmoothingOption,
    StepsOption,
    TeacherOption,
    TeacherShareOption,
    TemperatureOption,
    TrainingModalityOption,
    TrainingPrecisionOption,
)

if TYPE_CHECKING:
    from perceiver_cli.checkpoints.format import Header
    from perceiver_cli.training.refit import RefitOptions


def train(
    folder: FolderArgument,
    output: CheckpointOutputOption,
    modality: TrainingModalityOption = None,
    run: RunOption = None,
    init_from: FromOption = None,
    hold_out: HoldOutOption = 0.05,
    groups: GroupsOption = None,
    refit_familiar: RefitFamiliarOption = False,
    labels: LabelsOption = None,
    temperature: TemperatureOption = None,
    teacher: TeacherOption = None,
    card: CardOption = None,
    minutes: MinutesOption = None,
    steps: StepsOption = None,
    batch_size: BatchSizeOption = 64,
    rate: RateOption = 2e-3,
    decay: DecayOption = 0.05,
    balance: BalanceOption = 0.5,
    mixup: MixupOption = 0.3,
    smoothing: SmoothingOption = 0.1,
    teacher_share: TeacherShareOption = 0.5,
    feature_weight: FeatureWeightOption = 1.0,
    latent_share: LatentShareOption = 1.0,
    element_share: ElementShareOption = 1.0,
    settings: SetOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = Device.auto,
    precision: TrainingPrecisionOption = Precision.auto,
    threads: ThreadsOption = None,
    fail_fast: FailFastOption = False,
) -> None:
    """Train on a labelled folder of your own.

    After an interruption, the same command continues where it stopped.

    \b
    Examples:
      perceiver train pets/ -m image --from image --minutes 5 -o pets.safetensors
      perceiver train sounds/ -m audio --minutes 60 -o sounds.safetensors
      perceiver train sounds/ -o sounds.safetensors --refit-familiar
    """
    from perceiver_cli.cli.messages import print_message
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.device import pick_device
    from perceiver_cli.errors import UsageError

    if refit_familiar:
        from perceiver_cli.training.refit import RefitOptions

        set_up(threads)
        refitting = RefitOptions(
            checkpoint=output,
            folder=folder,
            run=run or output.with_suffix(".run"),
            hold_out=hold_out,
            groups=groups,
            labels=labels,
            device=pick_device(device.value).type,
            settings=_read_settings(settings or []),
            temperature=temperature,
        )
        _refit(refitting)
        return
    if labels:
        raise UsageError("--labels requires --refit-familiar; training reads DIR/labels.tsv")
    if temperature:
        raise UsageError("--temperature requires --refit-familiar; training fits it")
    if modality is None:
        raise UsageError("--modality (-m) is required")
    if minutes is None and steps is None:
        raise UsageError("--minutes or --steps is required")
    if precision is Precision.int8:
        raise UsageError("--precision int8 does not support training; use float32 or bfloat16")

    from perceiver_cli.cli.command_line import own_command
    from perceiver_cli.cli.output import check_replaces_no_input
    from perceiver_cli.cli.training_display import TrainingDisplay
    from perceiver_cli.modalities import serving
    from perceiver_cli.model.quantization.precision import pick_precision
    from perceiver_cli.training.hyperparameters import Hyperparameters
    from perceiver_cli.training.run import TrainingOptions
    from perceiver_cli.training.run import train as train_folder

    initial = _find_weights(init_from)
    check_replaces_no_input(output, [str(initial)] if initial else [])
    set_up(threads, training=True)
    chosen_device = pick_device(device.value)
    chosen = pick_precision(precision.value, chosen_device)
    hyperparameters = Hyperparameters(
        minutes=minutes,
        steps=steps,
        batch_size=batch_size,
        rate=rate,
        decay=decay,
        balance=balance,
        mixup=mixup,
        smoothing=smoothing,
        latent_share=latent_share,
        element_share=element_share,
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
        hyperparameters=hyperparameters,
        settings=_read_settings(settings or []),
        init_from=initial,
        hold_out=hold_out,
        groups=groups,
        teacher=teacher,
        card=_read_card(card),
        command=own_command(),
        fail_fast=fail_fast,
        device=chosen_device.type,
    )
    try:
        with TrainingDisplay() as display:
            header = train_folder(options, display)
    except KeyboardInterrupt:
        print_message("run the same command again to continue from here")
        raise
    _print_measured(header)
    if not header.card.get("measured"):
        print_message(
            "no files were held out: the scores are not calibrated, and nothing was measured"
        )
    print(f"wrote {output}")


def _refit(options: RefitOptions) -> None:
    """Runs --refit-familiar."""
    from perceiver_cli.cli.training_display import TrainingDisplay
    from perceiver_cli.training.refit import refit

    with TrainingDisplay() as display:
        header = refit(options, display.decoded)
    _print_measured(header)
    print(f"wrote {options.checkpoint}")


def _print_measured(header: Header) -> None:
    """Figures of the held-out files."""
    from perceiver_cli.cli.messages import print_message
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


def _find_weights(name: str | None) -> Path | None:
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.modalities import find_modality

    if name is None:
        return None
    try:
        modality = find_modality(name)
    except ValueError:
        return registry.find(name)
    return registry.default_for(modality.name)


def _read_settings(pairs: list[str]) -> dict[str, Any]:
    """["model.latents=48"] -> {"model.latents": 48}; values are JSON or plain words."""
    from perceiver_cli.errors import UsageError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set must be NAME=VALUE (got {pair})")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _read_card(path: Path | None) -> dict[str, Any]:
    from perceiver_cli.checkpoints.card_entries import Card
    from perceiver_cli.errors import UsageError
    from perceiver_cli.settings import parse_json, read_settings

    if path is None:
        return {}
    try:
        card = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--card {path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: not JSON ({error})") from None
    try:
        return dict(read_settings(Card, card, "card value"))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
