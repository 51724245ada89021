"""Repeats the calibration of a trained model; its weights do not change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.building import build_model
from perceiver_cli.checkpoints.format import (
    Header,
    Label,
    load_checkpoint,
    replace_header,
)
from perceiver_cli.errors import CheckpointError, UsageError
from perceiver_cli.training.calibration import calibrate, load_sample
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import labels_by_id, training_files
from perceiver_cli.training.overrides import by_group, changed


@dataclass(frozen=True)
class RefitOptions:
    """Options of a new calibration.

    Attributes:
        checkpoint: The checkpoint whose header is replaced.
        folder: The folder that it was trained on.
        run: The folder for decoded files.
        hold_out: Share of the training files that was held out, as in the training.
        groups: Which of them belong together, as in the training.
        labels: A file of labels with groups and kinds; None: the folder's, if they have any.
        device: Where the model computes, as torch names it.
        settings: "input.NAME" -> new value of a setting of the input recipe.
        temperature: Of the scores; None: fitted on the held-out files.
    """

    checkpoint: Path
    folder: Path
    run: Path
    hold_out: float = 0.05
    groups: str | None = None
    labels: Path | None = None
    device: str = "cpu"
    settings: dict[str, Any] = field(default_factory=dict)
    temperature: float | None = None


def refit(options: RefitOptions, on_file: Callable[[str, int, int], None]) -> Header:
    """Fits temperatures and the statistics of familiar inputs, and writes them into the header.

    Args:
        options: The options of the calibration.
        on_file: Called with (stage, done, total) after every file.

    Returns:
        The new header.

    Raises:
        UsageError: The folder cannot be used or has other classes, no file is held out, or a
            setting is not one of the input or changes the byte array's channels.
        CheckpointError: The checkpoint is damaged.
    """
    checkpoint = load_checkpoint(options.checkpoint)
    header = checkpoint.header
    train_files, held_files = training_files(options.folder, options.hold_out, options.groups)
    if [label.id for label in train_files.labels] != [label.id for label in header.labels]:
        raise UsageError(f"{options.folder} and {header.name} have different classes")
    header = replace(header, labels=_labels(options, train_files.labels, header.labels))
    adapter = _adapter(options, header)
    header = replace(header, recipe=asdict(adapter.recipe))
    options.run.mkdir(parents=True, exist_ok=True)
    held_cache = load_or_decode(
        options.run / "held",
        held_files,
        adapter.recipe,
        lambda done, total: on_file("held-out files", done, total),
    )
    if not len(held_cache):
        raise UsageError(f"{options.folder}: no files are held out; --hold-out sets their share")
    known_cache = load_sample(options.run, train_files, adapter, on_file)
    model = build_model(checkpoint, str(options.checkpoint)).to(torch.device(options.device))
    header = calibrate(header, model, adapter, held_cache, known_cache, options.temperature)
    replace_header(options.checkpoint, header)
    return header


def _adapter(options: RefitOptions, header: Header) -> Adapter:
    """The checkpoint's adapter with other settings of the input."""
    changes, of_model = by_group(options.settings)
    if of_model:
        name = f"model.{next(iter(of_model))}"
        raise UsageError(f"--refit-familiar does not change the model: {name} cannot be set")
    try:
        adapter = build_adapter(header.recipe)
    except ValueError as error:
        raise CheckpointError(f"{options.checkpoint}: {error}") from None
    try:
        other = build_adapter(changed(header.recipe, changes))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if other.streams != adapter.streams:
        raise UsageError("the settings cannot be applied: the model expects different channels")
    return other


def _labels(options: RefitOptions, folder: list[Label], present: list[Label]) -> list[Label]:
    """The labels with groups and kinds: of the file, the folder or the checkpoint."""
    if options.labels is None:
        return folder if any(label.group or label.kind for label in folder) else present
    known = labels_by_id(options.labels)
    if missing := [label.id for label in present if label.id not in known]:
        raise UsageError(f"{options.labels} has no line for {missing[0]}")
    return [known[label.id] for label in present]
