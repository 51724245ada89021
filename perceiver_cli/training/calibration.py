"""Calibration of a trained model: temperatures and the statistics of familiar inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.array_types import Float64Array
from perceiver_cli.checkpoints.familiar import ALL_STREAMS, fits
from perceiver_cli.checkpoints.format import Header
from perceiver_cli.checkpoints.label_tree import LabelTree, Nodes, tempered
from perceiver_cli.choices import SURE
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import LabelledFolder, evenly_spaced
from perceiver_cli.training.familiarity import fit_familiar
from perceiver_cli.training.metrics import best_temperature, measure
from perceiver_cli.training.outputs import TINY, Outputs, read_windows

# Maximum number of training files for the statistics of familiar inputs.
FAMILIAR_FILES = 3000

# The name of the held-out files on the card.
HELD = "held-out training files"


def calibrate(
    header: Header,
    model: Perceiver,
    adapter: Adapter,
    held: Cache,
    known: Cache,
    temperature: float | None = None,
) -> Header:
    """Fits temperatures and statistics of familiar inputs, and adds them to the header.

    Args:
        header: Header of the model's checkpoint.
        model: The model, in evaluation mode.
        adapter: Reads the files as inference does.
        held: Held-out files, for the temperatures, the limits and the card's figures.
        known: Training files, for the statistics of familiar inputs.
        temperature: Of the scores of inputs with all streams; None: fitted.

    Returns:
        The header with temperatures (Guo et al. 2017, section 4.2) of all streams, of each stream
        alone and of the levels of labels, statistics of familiar inputs, and the held-out files'
        figures on the card.
    """
    parts = {ALL_STREAMS: None} | {name: name for name in _single_streams(adapter)}
    width, classes = header.model.width, len(header.labels)
    row = find_modality(header.recipe["modality"])
    by_class = row.familiar_by_class and fits(width, classes)

    def read(cache: Cache) -> dict[str, Outputs]:
        return {
            name: read_windows(model, adapter, cache, only, last=by_class)
            for name, only in parts.items()
        }

    outputs = read(held)
    temperatures = {name: best_temperature(out.loss) for name, out in outputs.items()}
    temperatures[ALL_STREAMS] = temperature or temperatures[ALL_STREAMS]
    scores = {name: out.scores(temperatures[name]) for name, out in outputs.items()}
    levels: dict[str, float] = {
        nodes.level: round(_level_temperature(nodes, scores[ALL_STREAMS], outputs[ALL_STREAMS]), 4)
        for nodes in LabelTree(header.labels).levels
        if nodes.labels and nodes.level != "class"
    }
    familiar = None
    if fits(width) and len(known):
        familiar = fit_familiar(read(known), outputs, by_class).to_dict()
    measured = measure(scores[ALL_STREAMS], outputs[ALL_STREAMS].classes, SURE).rounded()
    before = {n: f for n, f in header.card.get("measured", {}).items() if n != HELD}
    return replace(
        header,
        temperature=round(temperatures[ALL_STREAMS], 4),
        stream_temperatures={
            name: round(temperatures[name], 4) for name in parts if name != ALL_STREAMS
        },
        level_temperatures=levels,
        familiar=familiar,
        card=header.card | {"measured": {HELD: measured} | before},
    )


def load_sample(
    run: Path,
    train_files: LabelledFolder,
    adapter: Adapter,
    on_file: Callable[[str, int, int], None],
) -> Cache:
    """Some of the training files as inference reads them, in the run's folder.

    Args:
        run: The folder, in which they are kept decoded.
        train_files: The files that were trained on.
        adapter: Reads them, without augmentation.
        on_file: Called with (stage, done, total) after every file.

    Returns:
        At most FAMILIAR_FILES files, evenly spaced over the classes.
    """
    return load_or_decode(
        run / "known",
        evenly_spaced(train_files, FAMILIAR_FILES),
        adapter.recipe,
        lambda done, total: on_file("familiar files", done, total),
    )


def _single_streams(adapter: Adapter) -> list[str]:
    """The streams that may occur alone in an input, if the adapter has several."""
    return [name for name in adapter.streams if len(adapter.streams) > 1 and adapter.reads(name)]


def _level_temperature(nodes: Nodes, scores: Float64Array, out: Outputs) -> float:
    """The temperature with the highest likelihood of a level's true nodes."""
    true_nodes = nodes.of_class[out.classes]
    members = np.where(
        (true_nodes < 0)[:, None],
        np.arange(scores.shape[1]) == out.classes[:, None],
        nodes.of_class == true_nodes[:, None],
    )

    def loss(temperature: float) -> float:
        summed = (tempered(scores, temperature) * members).sum(1)
        return float(-np.log(np.maximum(summed, TINY)).mean())

    return best_temperature(loss)
