"""A complete training, from a labelled folder to a self-describing checkpoint."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.format import (
    Checkpoint,
    Header,
    Label,
    load_checkpoint,
    save_checkpoint,
)
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.calibration import calibrate, load_sample
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import LabelledFolder, training_files
from perceiver_cli.training.data.usage import (
    ClassUsage,
    LeftOut,
    check_usage,
    usage_by_class,
)
from perceiver_cli.training.distillation import read_teacher
from perceiver_cli.training.hyperparameters import Hyperparameters
from perceiver_cli.training.loop import Progress, Training
from perceiver_cli.training.overrides import by_group, changed
from perceiver_cli.training.saved_state import check_continues, design_of
from perceiver_cli.training.warm_start import initial_recipe, load_matching_weights
from perceiver_cli.version import package_version

# A training keeps five copies in float32: weights, their average, gradients, and two of the
# optimiser. For this number they are 10 GB.
MAX_PARAMETERS = 500_000_000


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training.

    Attributes:
        folder: The labelled folder.
        modality: What the model reads.
        output: The checkpoint to write.
        run: Folder for decoded files and the resumable state.
        hyperparameters: The hyperparameters.
        settings: "input.bands" or "model.latents" -> value, over the modality's defaults.
        init_from: A checkpoint to start from (warm start): its architecture is used, and its
            weights and recipe as far as they fit (see warm_start.py).
        hold_out: Share of the training files that is held out, to fit the temperatures and the
            limits of what is familiar.
        groups: Which files belong together, see folder.hold_out.
        teacher: Another model's logits for the files (not of shapes), see
            distillation.read_teacher.
        card: Entries of the checkpoint's card beside the figures and the command.
        command: The call, for the card.
        fail_fast: Whether to stop at the first broken file.
        device: Where the model learns, as torch names it.
    """

    folder: Path
    modality: str
    output: Path
    run: Path
    hyperparameters: Hyperparameters
    settings: dict[str, Any]
    init_from: Path | None = None
    hold_out: float = 0.05
    groups: str | None = None
    teacher: Path | None = None
    card: dict[str, Any] | None = None
    command: str = ""
    fail_fast: bool = False
    device: str = "cpu"


class Listener(Protocol):
    """Callbacks for the progress of a training."""

    def decoded(self, stage: str, done: int, total: int) -> None:
        """Called when another file of a stage is decoded.

        Args:
            stage: Such as "training files".
            done: Files of it that are decoded.
            total: All files of it.
        """

    def checked(self, usage: list[ClassUsage], left_out: list[LeftOut]) -> None:
        """Called when all files are decoded.

        Args:
            usage: How many files of each class are used, one entry a class.
            left_out: The files that are not, and why.
        """

    def stepped(self, progress: Progress) -> None:
        """Called when another training step is done.

        Args:
            progress: The steps done, the loss and the speed.
        """


def train(options: TrainingOptions, listener: Listener) -> Header:
    """Trains, calibrates on the held-out share and writes the checkpoint.

    Called again with the same options, it resumes from the run's folder.

    Args:
        options: The options of the training.
        listener: Its methods are called with the progress.

    Returns:
        The header of the checkpoint.

    Raises:
        UsageError: The folder or the settings cannot be used, a class has no usable file, there
            are files of another modality, the run's folder has the state of another training, or
            this one has diverged.
        CheckpointError: The checkpoint to start from is damaged.
        InputError: A file is broken, and the options say to stop at one.
    """
    train_files, held_files = training_files(options.folder, options.hold_out, options.groups)
    row = find_modality(options.modality)
    if options.teacher and not row.supports_teacher:
        raise UsageError(f"--teacher does not support {row.several}")
    teacher = read_teacher(options.teacher, train_files) if options.teacher else None
    initial = load_checkpoint(options.init_from) if options.init_from else None
    adapter, config = _build(options, initial, len(train_files.labels))
    origin = origin_of(initial.header) if initial else None
    classes = [label.id for label in train_files.labels]
    design = design_of(adapter, config, classes, origin)
    check_continues(options.run, design)

    try:
        options.run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create the folder {options.run}: {error.strerror}") from None
    with _discarded_if_refused(options.run):
        train_cache = load_or_decode(
            options.run / "train",
            train_files,
            adapter.training_recipe(),
            lambda done, total: listener.decoded("training files", done, total),
            fail_fast=options.fail_fast,
        )
        held_cache = load_or_decode(
            options.run / "held",
            held_files,
            adapter.recipe,
            lambda done, total: listener.decoded("held-out files", done, total),
            fail_fast=options.fail_fast,
        )
        left_out = train_cache.left_out + held_cache.left_out
        usage = usage_by_class(
            train_files.labels,
            _used(train_files, train_cache),
            _used(held_files, held_cache),
            left_out,
        )
        listener.checked(usage, left_out)
        check_usage(usage, left_out, options.modality)

    torch.manual_seed(options.hyperparameters.seed)
    model = Perceiver(config)
    if initial:
        load_matching_weights(model, adapter, classes, initial)
    model.to(torch.device(options.device))
    training = Training(
        model,
        adapter,
        train_cache,
        options.hyperparameters,
        options.run,
        teacher,
        design,
        options.command,
    )
    training.run(listener.stepped)

    weights = training.average.module.state_dict()
    model.load_state_dict(weights)
    header = _header(options, adapter, config, train_files.labels, training, len(train_cache))
    if origin:
        header = replace(header, card=header.card | {"from": origin})
    if len(held_cache):
        known_cache = load_sample(options.run, train_files, adapter, listener.decoded)
        header = calibrate(header, model.eval(), adapter, held_cache, known_cache)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.cpu() for name, value in weights.items()}
    save_checkpoint(options.output, Checkpoint(header, tensors))
    return header


@contextmanager
def _discarded_if_refused(run: Path) -> Iterator[None]:
    """Removes the decoded files if their folder cannot be used: once changed, they are stale."""
    try:
        yield
    except UsageError:
        for name in ("train", "held"):
            shutil.rmtree(run / name, ignore_errors=True)
        with suppress(OSError):  # a training was here before
            run.rmdir()
        raise


def _used(folder: LabelledFolder, cache: Cache) -> list[int]:
    """The class of every file that is in the cache."""
    return [folder.files[index][1] for index in np.unique(cache.files)]


def _build(
    options: TrainingOptions, initial: Checkpoint | None, classes: int
) -> tuple[Adapter, PerceiverConfig]:
    """The adapter and the model's config: the initial checkpoint's or the defaults, changed."""
    of_input, of_model = by_group(options.settings)
    try:
        recipe = asdict(build_adapter(initial_recipe(options.modality, initial)).recipe)
        adapter = build_adapter(changed(recipe, of_input))
        if initial:
            config = replace(initial.header.model, classes=classes, streams=adapter.streams)
        else:
            config = PerceiverConfig(adapter.streams, classes)
        config = PerceiverConfig.from_dict(asdict(config) | of_model)
    except ValueError as error:
        raise UsageError(str(error)) from None
    _check_size(config)
    return adapter, config


def _check_size(config: PerceiverConfig) -> None:
    """Raises UsageError if the model is too large to be trained."""
    with torch.device("meta"):  # without memory
        parameters = sum(each.numel() for each in Perceiver(config).parameters())
    if parameters > MAX_PARAMETERS:
        raise UsageError(
            f"the model would have {parameters:,} parameters; "
            f"at most {MAX_PARAMETERS:,} are trained"
        )


def _header(
    options: TrainingOptions,
    adapter: Adapter,
    config: PerceiverConfig,
    labels: list[Label],
    training: Training,
    items: int,
) -> Header:
    return Header(
        name=options.output.stem,
        model=config,
        recipe=asdict(adapter.recipe),
        labels=labels,
        card=(options.card or {}) | card_entries(training, items),
    )


def card_entries(training: Training, items: int) -> dict[str, Any]:
    """What a checkpoint's card says of every training.

    Args:
        training: The training, at its end.
        items: The number of files that it learned from.
    """
    return {
        "command": training.command,
        "steps": training.step,
        "minutes": round(training.elapsed_s / 60, 1),
        "items_trained_on": items,
        "date": datetime.date.today().isoformat(),
        "version": package_version(),
    }


def origin_of(initial: Header) -> dict[str, Any]:
    """The card's entry on the checkpoint that a training started from.

    Args:
        initial: The header of that checkpoint.

    Returns:
        Its name, and as far as its card has them, its command, its minutes and its own origin.
    """
    copied = ("command", "minutes", "from")
    entry: dict[str, Any] = {name: initial.card[name] for name in copied if name in initial.card}
    return {"name": initial.name} | entry
