"""A model's outputs for decoded files: logits and mean latents of all windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.array_types import Float64Array, Int64Array
from perceiver_cli.device import to_device
from perceiver_cli.model.perceiver import MeanLatent, Perceiver
from perceiver_cli.training.data.cache import Cache

# Minimum score whose logarithm is computed.
TINY = 1e-12


@dataclass(frozen=True)
class Outputs:
    """A model's outputs for the windows of some files.

    Attributes:
        logits: [rows, classes].
        means: Mean latent after the first iteration, or after the last, [rows, D].
        files: Index of the file of every row, int [rows].
        classes: The true class of every file, int [files].
    """

    logits: Float64Array
    means: Float64Array
    files: Int64Array
    classes: Int64Array

    def by_file(self, values: Float64Array) -> Float64Array:
        """Averages over each file's windows.

        Args:
            values: [rows, ...].

        Returns:
            float64 [files, ...].
        """
        summed = np.zeros((len(self.classes), *values.shape[1:]))
        np.add.at(summed, self.files, values)
        counts = np.bincount(self.files)
        result: Float64Array = summed / counts.reshape(-1, *(1 for _ in values.shape[1:]))
        return result

    def scores(self, temperature: float) -> Float64Array:
        """Scores of the files as inference gives them: the mean of the windows' softmax.

        Args:
            temperature: Divides the logits.

        Returns:
            [files, classes], each row with the sum 1.
        """
        return self.by_file(torch.from_numpy(self.logits / temperature).softmax(-1).numpy())

    def loss(self, temperature: float) -> float:
        """Mean negative log likelihood of the true classes, in nats.

        Args:
            temperature: Divides the logits.
        """
        of_truth = self.scores(temperature)[np.arange(len(self.classes)), self.classes]
        return float(-np.log(np.maximum(of_truth, TINY)).mean())


def read_windows(
    model: Perceiver, adapter: Adapter, cache: Cache, only: str | None = None, *, last: bool = False
) -> Outputs:
    """Runs the model on all windows of a cache.

    Args:
        model: The model, in evaluation mode.
        adapter: Makes its byte arrays.
        cache: The windows.
        only: The single stream to read of files that have several; None reads all.
        last: Whether the mean latents are those after the last iteration, else after the first.

    Returns:
        Logits and mean latents of all windows.
    """
    logits, means = [], []
    with torch.inference_mode():
        for streams in _batches(adapter, cache, only, model.latents.device):
            latent = MeanLatent(last=last)
            logits.append(model(streams, watch_latents=latent).cpu().double().numpy())
            means.append(latent.mean.cpu().double().numpy())
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
