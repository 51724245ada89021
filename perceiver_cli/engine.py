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
from perceiver_cli.attention import AttentionWatch, summarise
from perceiver_cli.checkpoints.format import Header, build_model, load_checkpoint
from perceiver_cli.errors import CheckpointError
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import AttentionStats


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
    """A model with its adapter, on a device; several threads may ask it at a time."""

    def __init__(self, path: Path, device: torch.device, precision: torch.dtype) -> None:
        checkpoint = load_checkpoint(path)
        self.header: Header = checkpoint.header
        try:
            self.adapter: Adapter = build_adapter(self.header.recipe)
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from None
        if self.adapter.streams != self.header.model.streams:
            raise CheckpointError(f"{path}: its input recipe does not fit its model")
        self.device = device
        self.precision = precision
        self._checkpoint = checkpoint
        self._path = path
        self._building = threading.RLock()
        self._model: Any = None
        self._answering: Any = None

    @property
    def model(self) -> Any:
        """The Perceiver in float32, built when it is first asked something."""
        with self._building:
            if self._model is None:
                self._model = self._build()
            return self._model

    @property
    def _running(self) -> Any:
        """The Perceiver that answers: in the chosen precision, with what is constant computed."""
        with self._building:
            if self._answering is None:
                if self.precision == torch.bfloat16:
                    model = self._build()
                    model.lower()
                else:
                    model = self.model
                if self.adapter.fixed is not None:
                    model.fix(self.adapter.fixed.to(self.device))
                self._answering = model
            return self._answering

    def _build(self) -> Any:
        return build_model(self._checkpoint, str(self._path)).to(self.device)

    def answer(self, windows: list[Window], *, attention: bool) -> list[Answer]:
        """One answer per window. Windows may differ in which streams they have."""
        answers: dict[int, Answer] = {}
        for group in _by_shape(windows).values():
            chosen = [windows[i] for i in group]
            answers |= zip(group, self._answer_alike(chosen, attention), strict=True)
        return [answers[i] for i in range(len(windows))]

    @torch.inference_mode()
    def _answer_alike(self, windows: list[Window], attention: bool) -> list[Answer]:
        logits, watch, streams = self._forward(windows, attention)
        scores = (logits.double() / self.header.temperature).softmax(-1).cpu().numpy()
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
        arrays = {
            name: torch.from_numpy(np.stack([w.arrays[name] for w in windows]))
            for name in windows[0].arrays
        }
        streams = {n: x.to(self.device) for n, x in self.adapter.byte_array(arrays).items()}
        watch = AttentionWatch() if attention else None
        logits = self._running(streams, watch)
        return logits.float(), watch, streams


def _by_shape(windows: list[Window]) -> dict[tuple, list[int]]:
    """Groups the windows that fit into one batch: the same streams with the same shapes."""
    groups: dict[tuple, list[int]] = {}
    for index, window in enumerate(windows):
        key = tuple((name, array.shape) for name, array in window.arrays.items())
        groups.setdefault(key, []).append(index)
    return groups
