"""What is fitted to a model when its weights are final: temperatures and what is familiar to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.familiar import (
    ALL_STREAMS,
    Familiar,
    fit_leading,
    fit_whitening,
    fits,
    standardised,
)
from perceiver_cli.checkpoints.format import Header
from perceiver_cli.checkpoints.label_tree import LabelTree, Nodes, tempered
from perceiver_cli.choices import SURE
from perceiver_cli.device import to_device
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.perceiver import MeanLatent, Perceiver
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import LabelledFolder, evenly_spaced
from perceiver_cli.training.metrics import best_temperature, measure

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Of the training files, at most so many give the statistics of familiar inputs.
FAMILIAR_FILES = 3000

# The limits keep this share of the held-out files, so that they keep 95 % of others.
KEPT = 0.96

# Their figures' name on the card.
HELD = "held-out training files"

_TINY = 1e-12


@dataclass(frozen=True)
class Outputs:
    """What a model makes of the windows of some files.

    Attributes:
        logits: [rows, classes].
        means: Mean latent after the first iteration, or after the last, [rows, D].
        files: The file of every row, from 0, int [rows].
        classes: The true class of every file, int [files].
    """

    logits: FloatArray
    means: FloatArray
    files: IntArray
    classes: IntArray

    def by_file(self, values: FloatArray) -> FloatArray:
        """Averages over each file's windows.

        Args:
            values: [rows, ...].

        Returns:
            float64 [files, ...].
        """
        summed = np.zeros((len(self.classes), *values.shape[1:]))
        np.add.at(summed, self.files, values)
        counts = np.bincount(self.files)
        result: FloatArray = summed / counts.reshape(-1, *(1 for _ in values.shape[1:]))
        return result

    def scores(self, temperature: float) -> FloatArray:
        """Scores of the files as inference gives them: the mean of the windows' softmax.

        Args:
            temperature: What the logits are divided by.

        Returns:
            [files, classes], each row with the sum 1.
        """
        return self.by_file(torch.from_numpy(self.logits / temperature).softmax(-1).numpy())

    def loss(self, temperature: float) -> float:
        """Mean negative log likelihood of the true classes, in nats.

        Args:
            temperature: What the logits are divided by.
        """
        found = self.scores(temperature)[np.arange(len(self.classes)), self.classes]
        return float(-np.log(np.maximum(found, _TINY)).mean())


def calibrate(
    header: Header, model: Perceiver, adapter: Adapter, held: Cache, known: Cache
) -> Header:
    """The header with everything that is fitted after training.

    Args:
        header: Of the model's checkpoint.
        model: In evaluation mode.
        adapter: Reads the files as inference does.
        held: Held-out files, for the temperatures, the limits and the card's figures.
        known: Training files, for the statistics of familiar inputs.

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
    run: Path, kept: LabelledFolder, adapter: Adapter, tell: Callable[[str, int, int], None]
) -> Cache:
    """Some of the training files as inference reads them, in the run's folder.

    Args:
        run: The folder, in which they are kept decoded.
        kept: The files that were trained on.
        adapter: Reads them, without augmentation.
        tell: Called with (stage, done, total) after every file.

    Returns:
        At most FAMILIAR_FILES files, evenly spaced over the classes.
    """
    return load_or_decode(
        run / "known",
        evenly_spaced(kept, FAMILIAR_FILES),
        adapter.recipe,
        lambda done, total: tell("familiar files", done, total),
    )


def fit_familiar(known: dict[str, Outputs], held: dict[str, Outputs], by_class: bool) -> Familiar:
    """Statistics of training files, and limits that held-out ones keep.

    Args:
        known: Name of the streams -> what the model makes of training files.
        held: The same of held-out files.
        by_class: Whether every class has a Gaussian, after the last iteration.

    Returns:
        Means and one shared covariance (Lee et al. 2018, section 2.1), as the checkpoint keeps
        them in float16, and the limits for them.
    """
    means, away = {}, []
    for name, out in known.items():
        rows = standardised(out.means) if by_class else out.means
        _, own = np.unique(out.classes[out.files] * by_class, return_inverse=True)
        means[name] = np.stack([rows[own == k].mean(0) for k in range(own.max() + 1)])
        away.append(rows - means[name][own])
    zeros = dict.fromkeys(means, 0.0)
    deviations = np.concatenate(away)
    familiar = Familiar(fit_whitening(deviations), means, zeros, by_class)
    if not by_class:
        familiar = _with_leading(familiar, fit_leading(deviations), held[ALL_STREAMS])
    familiar = Familiar.from_dict(familiar.to_dict())  # as the checkpoint has it, in float16
    limits = {}
    for name, out in held.items():
        distances = familiar.distance(out.means, [name] if name else ["", ""])
        limits[name] = float(np.quantile(out.by_file(distances), KEPT))
    return replace(familiar, limits=limits)


def _with_leading(familiar: Familiar, leading: FloatArray, held: Outputs) -> Familiar:
    """With distances in leading directions that are as often large for held-out files."""
    usual = held.by_file(familiar.distance(held.means, ["", ""]))
    deviations = held.means - familiar.means[ALL_STREAMS][0]
    other = held.by_file(np.square(deviations @ leading).mean(-1))
    ratio = np.quantile(usual, KEPT) / max(float(np.quantile(other, KEPT)), _TINY)
    return replace(familiar, leading=leading * np.sqrt(ratio))


def read_windows(
    model: Perceiver, adapter: Adapter, cache: Cache, only: str | None = None, *, last: bool = False
) -> Outputs:
    """Runs the model on all windows of a cache.

    Args:
        model: In evaluation mode.
        adapter: Makes its byte arrays.
        cache: The windows.
        only: The one stream that is read of files which have several.
        last: Whether the mean latents are those after the last iteration, else after the first.
    """
    logits, means = [], []
    with torch.inference_mode():
        for streams in _batches(adapter, cache, only, model.latents.device):
            latent = MeanLatent(last=last)
            logits.append(model(streams, watch_latents=latent).double().cpu().numpy())
            means.append(latent.mean.double().cpu().numpy())
    _, index, files = np.unique(cache.files, return_index=True, return_inverse=True)
    return Outputs(np.concatenate(logits), np.concatenate(means), files, cache.classes[index])


def _batches(
    adapter: Adapter, cache: Cache, only: str | None, device: torch.device
) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(cache), 64):
        where = np.arange(start, min(start + 64, len(cache)))
        arrays = {n: torch.from_numpy(a) for n, a in cache.rows(where).items()}
        arrays = {only: arrays[only]} if only else arrays
        yield {n: to_device(x, device) for n, x in adapter.byte_array(arrays).items()}


def _single_streams(adapter: Adapter) -> list[str]:
    """The streams that an input may have alone, of an adapter that has several."""
    return [name for name in adapter.streams if len(adapter.streams) > 1 and adapter.reads(name)]


def _level_temperature(nodes: Nodes, scores: FloatArray, out: Outputs) -> float:
    """What makes the true nodes of a level likeliest; a class in no node counts alone."""
    own = nodes.of_class[out.classes]
    members = np.where(
        (own < 0)[:, None],
        np.arange(scores.shape[1]) == out.classes[:, None],
        nodes.of_class == own[:, None],
    )

    def loss(temperature: float) -> float:
        summed = (tempered(scores, temperature) * members).sum(1)
        return float(-np.log(np.maximum(summed, _TINY)).mean())

    return best_temperature(loss)
