"""The batches of a training: random rows, augmented as a whole, on the model's device."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from itertools import count

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.device import widest_float
from perceiver_cli.inference.prefetch import prefetch
from perceiver_cli.modalities import part
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.rows import RandomRows
from perceiver_cli.training.distillation import Teacher
from perceiver_cli.training.hyperparameters import Hyperparameters

# The share of the training that is done before a step, 0 to 1.
ProgressAt = Callable[[int], float]


@dataclass(frozen=True)
class Batch:
    """The data of one step, on the model's device.

    Attributes:
        elements: Stream -> byte array [B, M_s, C_s].
        targets: [B, classes].
        teacher_features: [B, F]; None: no teacher's features are used.
        latents: Indices of the latents that the step uses; None for all.
    """

    elements: dict[str, Tensor]
    targets: Tensor
    teacher_features: Tensor | None
    latents: Tensor | None

    def tensors(self) -> list[Tensor]:
        """All tensors of the batch."""
        optional = (self.teacher_features, self.latents)
        given = [tensor for tensor in optional if tensor is not None]
        return [*self.elements.values(), self.targets, *given]


class Batches:
    """Draws the batch of any step. It depends only on the seed and the step.

    Args:
        adapter: Makes the byte arrays.
        cache: The decoded training files.
        hyperparameters: How batches are drawn and augmented.
        config: The model's settings.
        device: The model's device.
        teacher: Another model's outputs for the training files.

    Attributes:
        sampling_weights: [rows], how often each row is drawn: float64, or float32 on a device
            without float64.
        teacher_feature_count: Number of the teacher's features; 0 where none are used.
    """

    def __init__(
        self,
        adapter: Adapter,
        cache: Cache,
        hyperparameters: Hyperparameters,
        config: PerceiverConfig,
        device: torch.device,
        teacher: Teacher | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.config = config
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        with self.on_device():
            self.adapter = build_adapter(asdict(adapter.recipe))
        self.augment = part(adapter.modality, "augmentation")(
            self.adapter, hyperparameters.mixup, hyperparameters.teacher_share
        )
        self.rows = RandomRows(cache.streams, device)
        self.classes = torch.from_numpy(cache.classes).to(device)
        counts = np.bincount(cache.classes, minlength=config.classes)
        weights = counts[cache.classes].astype(float) ** -hyperparameters.balance
        weights = weights / weights.sum()
        self.sampling_weights = torch.from_numpy(weights).to(device, widest_float(device))
        self.teacher: RandomRows | None = None
        self.teacher_feature_count = 0
        if teacher:
            outputs = dict(teacher.outputs)
            if not self.augment.reads_teacher_features:
                outputs.pop("teacher_features", None)
            if "teacher_features" in outputs:
                self.teacher_feature_count = outputs["teacher_features"].shape[1]
            self.teacher = RandomRows(outputs, device)
            self.teacher_rows = torch.from_numpy(teacher.rows[cache.files]).to(device)

    def from_step(self, step: int, progress: ProgressAt) -> Generator[Batch, None, None]:
        """The batches of a step and of all that follow.

        On a GPU, a background thread draws the next batch during each training step.

        Args:
            step: The first step's number, from 0.
            progress: Share of the training that is done before a step, by its number.

        Yields:
            One batch per step, endlessly. Closing the generator ends its thread.
        """
        steps = count(step)
        if self.device.type == "cpu":
            for number in steps:
                yield self.draw(number, progress(number))
        else:
            yield from prefetch(self._draw_in_own_stream(number, progress) for number in steps)

    def _draw_in_own_stream(self, step: int, progress: ProgressAt) -> Batch:
        """As `draw`. On CUDA it uses its own stream, which does not wait for the model's."""
        if self._stream is None:
            return self.draw(step, progress(step))
        learning = torch.cuda.default_stream(self.device)
        with torch.cuda.stream(self._stream):
            batch = self.draw(step, progress(step))
        for tensor in batch.tensors():
            tensor.record_stream(learning)  # keeps its memory from being reused earlier
        self._stream.synchronize()
        return batch

    def draw(self, step: int, progress: float) -> Batch:
        """Draws the batch of a step, which depends only on the seed and the step.

        Args:
            step: The step's number, from 0.
            progress: Share of the training that is done before, 0 to 1. In the last tenth all
                latents and elements are used.

        Returns:
            The batch, on the device.
        """
        options = self.hyperparameters
        torch.manual_seed(options.seed * 1_000_003 + step)
        with self.on_device(), torch.no_grad():
            rows = torch.multinomial(self.sampling_weights, options.batch_size, replacement=True)
            rows = rows.sort()[0]
            arrays = self.rows[rows]
            if self.teacher:
                outputs = self.teacher[self.teacher_rows[rows]]
                arrays |= {name: array.float() for name, array in outputs.items()}
            classes = self.config.classes
            targets = functional.one_hot(self.classes[rows], classes).float()
            augmented = self.augment(arrays, targets)
            targets = augmented.targets * (1 - options.smoothing) + options.smoothing / classes
            elements = self.adapter.with_positions(augmented.features)
            return self.reduced(elements, targets, augmented.teacher_features, progress)

    def reduced(
        self,
        elements: dict[str, Tensor],
        targets: Tensor,
        teacher_features: Tensor | None,
        progress: float,
    ) -> Batch:
        """A batch with random shares of the elements and latents.

        Args:
            elements: Stream -> byte array [B, M_s, C_s].
            targets: [B, classes].
            teacher_features: [B, F], or None.
            progress: See draw.
        """
        options = self.hyperparameters
        use_all = progress > 0.9
        kept = {}
        for name, array in elements.items():
            chosen = random_subset(1.0 if use_all else options.element_share, array.shape[1])
            kept[name] = array if chosen is None else array[:, chosen]
        latents = random_subset(1.0 if use_all else options.latent_share, self.config.latents)
        return Batch(kept, targets, teacher_features, latents)

    def on_device(self) -> AbstractContextManager[object]:
        """Makes the device the default for new tensors, unless it is the CPU."""
        return nullcontext() if self.device.type == "cpu" else self.device


def random_subset(share: float, count: int) -> Tensor | None:
    """A random share of `count` indices, sorted; None stands for all."""
    if share >= 1:
        return None
    return torch.randperm(count)[: max(1, round(share * count))].sort()[0]
