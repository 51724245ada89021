"""A loaded checkpoint, which predicts scores and attention statistics for windows."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.array_types import Float64Array
from perceiver_cli.checkpoints.building import build_model
from perceiver_cli.checkpoints.familiar import FamiliarityStatistics
from perceiver_cli.checkpoints.format import Header, open_checkpoint
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.device import free_bytes, is_out_of_memory, to_device
from perceiver_cli.errors import CheckpointError, UsageError
from perceiver_cli.inference.allocator import returning_freed_memory
from perceiver_cli.inference.attention_statistics import AttentionRecorder, summarise
from perceiver_cli.inference.events import settings_of
from perceiver_cli.model.perceiver import LatentWatcher, MeanLatent, Perceiver
from perceiver_cli.model.quantization.precision import pick_precision
from perceiver_cli.model.quantization.replacement import byte_array_dtype, layers_for
from perceiver_cli.preparation.base import Shapes, Window
from perceiver_cli.results import AttentionStats

# Maximum size of a batch's byte arrays in float32, in bytes. Activations take a few times as much.
MAX_BATCH_BYTES = 2**28
# On a GPU, the maximum size is the free memory divided by this.
GPU_MEMORY_DIVISOR = 8


@dataclass(frozen=True)
class WindowPrediction:
    """The model's prediction for one window.

    Attributes:
        scores: float64 [classes], calibrated, summing to 1.
        statistics: Attention statistics; None if they were not requested.
        num_elements: M of the byte array.
        channels: C of the byte array.
        distance: Distance from familiar inputs, see familiar.py; None without such statistics.
        stream_key: The key of the distance's limit, see FamiliarityStatistics.stream_key.
    """

    scores: Float64Array
    statistics: AttentionStats | None
    num_elements: int
    channels: int
    distance: float | None = None
    stream_key: str = ""


class Engine:
    """A model with its adapter, on a device; several threads may call it at a time.

    Args:
        path: The checkpoint.
        precision: "auto", "float32", "bfloat16" or "int8"; see pick_precision.

    Raises:
        CheckpointError: The file is damaged, or its recipe does not fit its model.
        UsageError: The device does not compute in that precision.
    """

    def __init__(self, path: Path, device: torch.device, precision: str) -> None:
        checkpoint = open_checkpoint(path)
        self.header: Header = checkpoint.header
        statistics = self.header.familiar
        self.familiar = (
            FamiliarityStatistics.from_dict(statistics, self.header.model.width)
            if statistics is not None
            else None
        )
        self.tree = LabelTree(self.header.labels, self.header.level_temperatures)
        try:
            self.adapter: Adapter = build_adapter(self.header.recipe)
            settings_of(self.header.events)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from None
        if self.adapter.streams != self.header.model.streams:
            raise CheckpointError(f"{path}: its input recipe does not fit its model")
        self.device = device
        self.precision = pick_precision(precision, device, self.header.model.width)
        fixed = self.adapter.fixed_positions
        self._positions = None if fixed is None else fixed.to(device)
        self._checkpoint = checkpoint
        self.path = path
        self._building = threading.RLock()
        self._float32_model: Perceiver | None = None
        self._inference_model: Perceiver | None = None
        self._largest_batches: dict[Shapes, int] = {}

    @property
    def float32_model(self) -> Perceiver:
        """The Perceiver in float32 for computing gradients; built when first used."""
        with self._building:
            if self._float32_model is None:
                model = build_model(self._checkpoint, str(self.path))
                self._float32_model = model.to(self.device)
            return self._float32_model

    @property
    def inference_model(self) -> Perceiver:
        """The Perceiver in the chosen precision; built when first used."""
        with self._building:
            if self._inference_model is None:
                self._inference_model = self._build_for_inference()
            return self._inference_model

    @returning_freed_memory()
    def _build_for_inference(self) -> Perceiver:
        layer_for = layers_for(self.precision, self.device, self.header.model.latents)
        return build_model(self._checkpoint, str(self.path), layer_for).to(self.device)

    def predict(self, windows: list[Window], *, attention: bool) -> list[WindowPrediction]:
        """Predicts each window. Windows may have different streams."""
        predicted: dict[int, WindowPrediction] = {}
        for shapes, group in _by_shape(windows).items():
            while group:
                part = group[: self._largest_batch(shapes, windows[group[0]])]
                found = self._predict_if_it_fits([windows[i] for i in part], attention)
                if found is None:
                    self._largest_batches[shapes] = len(part) // 2
                    continue
                predicted |= zip(part, found, strict=True)
                group = group[len(part) :]
        return [predicted[i] for i in range(len(windows))]

    def _largest_batch(self, shapes: Shapes, window: Window) -> int:
        """Maximum number of windows of these shapes in one batch."""
        if shapes not in self._largest_batches:
            streams = self.adapter.element_values(self.adapter.features(_stacked([window])))
            num_elements = sum(x.shape[1] for x in streams.values())
            each = num_elements * self.header.model.channels * 4
            _ = self.inference_model  # the weights must be in memory before the rest is measured
            free = free_bytes(self.device)
            most = MAX_BATCH_BYTES if free is None else free // GPU_MEMORY_DIVISOR
            self._largest_batches[shapes] = max(1, most // each)
        return self._largest_batches[shapes]

    def _predict_if_it_fits(
        self, windows: list[Window], attention: bool
    ) -> list[WindowPrediction] | None:
        """Predictions for windows of the same shapes; None if the memory is too small."""
        try:
            return self.predict_alike(windows, attention)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(windows) == 1:
                hint = "" if self.device.type == "cpu" else ": try --device cpu"
                raise UsageError(f"out of memory on {self.device}{hint}") from None
        return None

    @torch.inference_mode()
    def predict_alike(self, windows: list[Window], attention: bool) -> list[WindowPrediction]:
        """Predicts windows of the same shapes in one batch.

        Args:
            windows: The windows, B.
            attention: Whether attention statistics are measured.

        Raises:
            CheckpointError: Scores are not finite, as the weights are damaged.
        """
        logits, watch, streams, means = self.forward(windows, attention)
        scores = (logits.cpu().double() / self.header.temperature_of(streams)).softmax(-1).numpy()
        if not np.isfinite(scores).all():
            raise CheckpointError(
                f"{self.path}: its weights are damaged: the scores are not finite"
            )
        sizes = {name: x.shape[1] for name, x in streams.items()}
        model = self.header.model
        shape = (sum(sizes.values()) + model.learned_elements, model.channels)
        stats: list[AttentionStats] | list[None] = [None] * len(windows)
        if watch:
            stats = summarise(watch.measured, self.adapter, windows, sizes)
        distances: list[float] | list[None] = [None] * len(windows)
        key = ""
        if self.familiar:
            key = self.familiar.stream_key(streams)
            distances = self.familiar.distance(means, key).tolist()
        return [
            WindowPrediction(row, own, *shape, distance, key)
            for row, own, distance in zip(scores, stats, distances, strict=True)
        ]

    def forward(
        self, windows: list[Window], attention: bool
    ) -> tuple[Tensor, AttentionRecorder | None, dict[str, Tensor], Float64Array]:
        """Logits, attention, the streams, and the mean latents that `familiar` is about [B, D]."""
        streams = self.streams(windows)
        watch = AttentionRecorder() if attention else None
        latent = MeanLatent(last=self.familiar is not None and self.familiar.after_last_iteration)
        logits = self.run(streams, watch, latent)
        return logits, watch, streams, latent.mean.cpu().double().numpy()

    def streams(self, windows: list[Window]) -> dict[str, Tensor]:
        """Byte arrays for `run`, which adds the position features.

        Args:
            windows: Windows of the same shapes.

        Returns:
            Stream -> [B, M_s, C_s - P], on the engine's device; P is the number of channels that
            are the same for all inputs (Adapter.fixed_positions).
        """
        values = self.adapter.element_values(self.adapter.features(_stacked(windows)))
        return {name: to_device(x, self.device) for name, x in values.items()}

    def byte_arrays(self, windows: list[Window]) -> dict[str, Tensor]:
        """Whole byte arrays, with their position features.

        Args:
            windows: Windows of the same shapes.

        Returns:
            Stream -> [B, M_s, C_s], on the engine's device.
        """
        streams = self.adapter.byte_array(_stacked(windows))
        return {name: to_device(x, self.device) for name, x in streams.items()}

    def run(
        self,
        streams: dict[str, Tensor],
        watch: AttentionRecorder | None = None,
        watch_latents: LatentWatcher | None = None,
    ) -> Tensor:
        """Logits float32 [B, classes] of the inference model.

        Args:
            streams: Name -> [B, M_s, C_s], without the channels that are the same in all inputs.
            watch: Called with the attention weights of every cross-attend.
            watch_latents: Called with the latents after every iteration.
        """
        model = self.inference_model
        dtype = byte_array_dtype(model, self.precision, self.device)
        logits: Tensor = model(
            streams,
            watch=watch,
            positions=self._positions,
            dtype=dtype,
            watch_latents=watch_latents,
        )
        return logits.float()


def _stacked(windows: list[Window]) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(np.stack([w.arrays[name] for w in windows]))
        for name in windows[0].arrays
    }


def _by_shape(windows: list[Window]) -> dict[Shapes, list[int]]:
    """Indices of the windows that can share a batch: the same streams with the same shapes."""
    groups: dict[Shapes, list[int]] = {}
    for index, window in enumerate(windows):
        groups.setdefault(window.shapes, []).append(index)
    return groups
