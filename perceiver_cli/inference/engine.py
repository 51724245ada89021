"""One checkpoint, loaded: windows of arrays in, scores and attention out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.format import Header, build_model, open_checkpoint
from perceiver_cli.errors import CheckpointError
from perceiver_cli.inference.allocator import giving_back
from perceiver_cli.inference.attention_statistics import AttentionWatch, summarise
from perceiver_cli.model.quantization.precision import pick_precision
from perceiver_cli.model.quantization.replacement import elements_dtype, layers_for
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import AttentionStats

# Windows are read together as long as their byte arrays in float32 are not more than this; what
# the model computes on the way takes a few times as much.
MOST_BYTES = 2**28


@dataclass(frozen=True)
class Answer:
    """scores: float64 [classes], summing to 1; stats: of the same window, or None.

    elements, channels: M and C of the byte array.
    """

    scores: np.ndarray
    stats: AttentionStats | None
    elements: int
    channels: int


class Engine:
    """A model with its adapter, on a device; several threads may ask it at a time.

    precision: a name, see pick_precision.
    """

    def __init__(self, path: Path, device: torch.device, precision: str) -> None:
        checkpoint = open_checkpoint(path)
        self.header: Header = checkpoint.header
        try:
            self.adapter: Adapter = build_adapter(self.header.recipe)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from None
        if self.adapter.streams != self.header.model.streams:
            raise CheckpointError(f"{path}: its input recipe does not fit its model")
        self.device = device
        self.precision = pick_precision(precision, device, self.header.model.width)
        fixed = self.adapter.fixed
        self._positions = None if fixed is None else fixed.to(device)
        self._checkpoint = checkpoint
        self._path = path
        self._building = threading.RLock()
        self._model: Any = None
        self._answering: Any = None
        self._most: dict[tuple, int] = {}

    @property
    def model(self) -> Any:
        """The Perceiver in float32, which keeps its gradients; built when it is first asked."""
        with self._building:
            if self._model is None:
                self._model = build_model(self._checkpoint, str(self._path)).to(self.device)
            return self._model

    @property
    def _running(self) -> Any:
        """The Perceiver that answers, in the chosen precision; built when it is first asked."""
        with self._building:
            if self._answering is None:
                self._answering = self._for_inference()
            return self._answering

    @giving_back()
    def _for_inference(self) -> Any:
        layer_for = layers_for(self.precision, self.device, self.header.model.latents)
        return build_model(self._checkpoint, str(self._path), layer_for).to(self.device)

    def answer(self, windows: list[Window], *, attention: bool) -> list[Answer]:
        """One answer per window. Windows may differ in which streams they have."""
        answers: dict[int, Answer] = {}
        for shapes, group in _by_shape(windows).items():
            most = self._most_at_once(shapes, windows[group[0]])
            for start in range(0, len(group), most):
                part = group[start : start + most]
                chosen = [windows[i] for i in part]
                answers |= zip(part, self._answer_alike(chosen, attention), strict=True)
        return [answers[i] for i in range(len(windows))]

    def _most_at_once(self, shapes: tuple, window: Window) -> int:
        """How many windows like this one, of these shapes, the model reads in one pass."""
        if shapes not in self._most:
            streams = self.adapter.bare(self.adapter.features(_stacked([window])))
            elements = sum(x.shape[1] for x in streams.values())
            each = elements * self.header.model.channels * 4
            self._most[shapes] = max(1, MOST_BYTES // each)
        return self._most[shapes]

    @torch.inference_mode()
    def _answer_alike(self, windows: list[Window], attention: bool) -> list[Answer]:
        logits, watch, streams = self._forward(windows, attention)
        scores = (logits.double() / self.header.temperature_of(streams)).softmax(-1).cpu().numpy()
        sizes = {name: x.shape[1] for name, x in streams.items()}
        model = self.header.model
        shape = (sum(sizes.values()) + model.learned_elements, model.channels)
        return [
            Answer(
                scores[row],
                summarise(watch.measured, row, self.adapter, window, sizes) if watch else None,
                *shape,
            )
            for row, window in enumerate(windows)
        ]

    @torch.inference_mode()
    def logits(self, windows: list[Window]) -> Tensor:
        """Uncalibrated logits float32 [B, classes] of windows with the same streams."""
        return self._forward(windows, attention=False)[0]

    def _forward(
        self, windows: list[Window], attention: bool
    ) -> tuple[Tensor, AttentionWatch | None, dict[str, Tensor]]:
        model = self._running
        bare = self.adapter.bare(self.adapter.features(_stacked(windows)))
        streams = {name: x.to(self.device) for name, x in bare.items()}
        watch = AttentionWatch() if attention else None
        dtype = elements_dtype(model, self.precision, self.device)
        logits = model(streams, watch, positions=self._positions, dtype=dtype)
        return logits.float(), watch, streams


def _stacked(windows: list[Window]) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(np.stack([w.arrays[name] for w in windows]))
        for name in windows[0].arrays
    }


def _by_shape(windows: list[Window]) -> dict[tuple, list[int]]:
    """Groups the windows that fit into one batch: the same streams with the same shapes."""
    groups: dict[tuple, list[int]] = {}
    for index, window in enumerate(windows):
        key = tuple((name, array.shape) for name, array in window.arrays.items())
        groups.setdefault(key, []).append(index)
    return groups
