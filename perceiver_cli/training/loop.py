"""The training loop: arrays in memory, whole-batch augmentation, state on disk every minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.atomic import atomic_write
from perceiver_cli.device import to_device
from perceiver_cli.modalities import part
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.distillation import Teacher
from perceiver_cli.training.feature_loss import FeatureLoss
from perceiver_cli.training.optimiser import build_optimisers, moving_average, rate_factor

SAVE_EVERY_S = 60.0


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes:
        minutes: Time limit; None for no limit.
        steps: Limit of steps; None for no limit. The training ends at the first limit reached.
        batch: Items per step.
        rate: Peak learning rate.
        decay: Weight decay.
        balance: How classes are sampled: 0 in proportion to their files, 1 all equally often.
        mixup: Probability of a mixed batch.
        smoothing: Label smoothing.
        average: Decay of the moving average of the weights, which is what gets saved.
        precision: "float32" or "bfloat16".
        latents: Share of the latents that a step uses, drawn at random, except for the last tenth
            of the training. It makes steps faster, as FLIP's dropped patches do (Li et al. 2023).
        elements: Share of every stream's elements that a step uses, drawn in the same way.
        teacher_share: Share of each target that comes from the teacher's logits, if there are any.
        feature_weight: Weight of the feature loss, if the teacher has features: see
            feature_loss.py.
        seed: Of all randomness.
    """

    minutes: float | None = None
    steps: int | None = None
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.05
    balance: float = 0.5
    mixup: float = 0.3
    smoothing: float = 0.1
    average: float = 0.999
    precision: str = "float32"
    latents: float = 1.0
    elements: float = 1.0
    teacher_share: float = 0.5
    feature_weight: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """The state of a training, reported after every step."""

    step: int
    elapsed_s: float
    share: float
    loss: float
    rate: float
    items_per_s: float


@dataclass(frozen=True)
class Batch:
    """The data of one step, on the model's device.

    Attributes:
        elements: Stream -> byte array [B, M_s, C_s].
        targets: [B, classes].
        teacher_features: [B, F]; F is 0 without a teacher's features.
        latents: Indices of the latents that the step uses; None for all.
    """

    elements: dict[str, Tensor]
    targets: Tensor
    teacher_features: Tensor
    latents: Tensor | None


class Training:
    """One training run. Killed at any time, it resumes from its folder.

    It runs on the model's device.
    """

    def __init__(
        self,
        model: Perceiver,
        adapter: Adapter,
        cache: Cache,
        plan: Plan,
        run: Path,
        teacher: Teacher | None = None,
    ) -> None:
        self.model = model
        self.device = model.latents.device
        self.teacher = teacher
        self.cache = cache
        self.plan = plan
        self.state_file = run / "state.safetensors"
        self.augment = part(adapter.modality, "augmentation")(
            adapter, plan.mixup, plan.teacher_share
        )
        self.adapter = adapter
        self.average = moving_average(model, plan.average)
        self.feature_loss: FeatureLoss | None = None
        if (
            teacher
            and teacher.features is not None
            and plan.feature_weight
            and self.augment.returns_teacher_features
        ):
            self.feature_loss = FeatureLoss(model, teacher.features.shape[1]).to(self.device)
        self.optimisers = build_optimisers(
            model, plan.rate, plan.decay, getattr(torch, plan.precision), self.feature_loss
        )
        self.step = 0
        self.elapsed_s = 0.0
        counts = np.bincount(cache.classes, minlength=model.config.classes)
        weights = counts[cache.classes].astype(float) ** -plan.balance
        self.sampling_weights = torch.from_numpy(weights / weights.sum())

    def run(self, on_step: Callable[[Progress], None]) -> None:
        """Trains to the end of the plan. Starts from the saved state if there is one."""
        self._restore()
        self.model.train()
        schedulers = [
            LambdaLR(optimiser, lambda _: rate_factor(self._progress(self.step)))
            for optimiser in self.optimisers
        ]
        saved_at = time.monotonic()
        begun = saved_at - self.elapsed_s
        with closing(self._batches()) as batches:
            while self._progress(self.step) < 1:
                started = time.monotonic()
                rate = schedulers[0].get_last_lr()[0]
                loss = float(self._train_step(next(batches)))
                self.step += 1
                self.elapsed_s = time.monotonic() - begun
                self.average.update_parameters(self.model)
                for scheduler in schedulers:
                    scheduler.step()
                speed = self.plan.batch / (time.monotonic() - started)
                share = self._progress(self.step)
                on_step(Progress(self.step, self.elapsed_s, share, loss, float(rate), speed))
                if time.monotonic() - saved_at > SAVE_EVERY_S:
                    self._save()
                    saved_at = time.monotonic()
        self._save()

    def _progress(self, step: int) -> float:
        """The share of the plan that is done before that step, 0 to 1."""
        by_time = self.elapsed_s / (60 * self.plan.minutes) if self.plan.minutes else 0.0
        by_steps = step / self.plan.steps if self.plan.steps else 0.0
        return min(1.0, max(by_time, by_steps))

    def _batches(self) -> Generator[Batch, None, None]:
        """The batches of this step and of all that follow."""
        if self.device.type != "cpu":
            yield from self._batches_ahead()
        for step in count(self.step):
            yield self._draw_batch(step)

    def _batches_ahead(self) -> Generator[Batch, None, None]:
        """The same; a thread draws the next batch while the device trains on one."""
        steps = count(self.step)
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self._draw_batch, next(steps))
            for step in steps:
                batch, coming = coming.result(), thread.submit(self._draw_batch, step)
                yield batch

    def _draw_batch(self, step: int) -> Batch:
        """The batch of a step. It depends on the seed and the step alone."""
        torch.manual_seed(self.plan.seed * 1_000_003 + step)
        rows = (
            torch.multinomial(self.sampling_weights, self.plan.batch, replacement=True)
            .sort()[0]
            .numpy()
        )
        arrays = {n: torch.from_numpy(a) for n, a in self.cache.rows(rows).items()}
        if self.teacher:
            arrays |= self.teacher.outputs(self.cache.files[rows])
        classes = self.model.config.classes
        targets = functional.one_hot(torch.from_numpy(self.cache.classes[rows]), classes).float()
        with torch.no_grad():
            features, targets = self.augment(arrays, targets)
            targets, teacher_features = targets[:, :classes], targets[:, classes:]
            targets = targets * (1 - self.plan.smoothing) + self.plan.smoothing / targets.shape[1]
            elements = self.adapter.elements(features)
            for name, array in elements.items():
                kept = self._random_subset(step, self.plan.elements, array.shape[1])
                if kept is not None:
                    elements[name] = array[:, kept]
        latents = self._random_subset(step, self.plan.latents, self.model.config.latents)
        return Batch(
            {name: to_device(array, self.device) for name, array in elements.items()},
            to_device(targets, self.device),
            to_device(teacher_features, self.device),
            None if latents is None else to_device(latents, self.device),
        )

    def _train_step(self, batch: Batch) -> Tensor:
        """One step of the optimisers. Returns the loss of the targets."""
        with self._autocast():
            dtype = getattr(torch, self.plan.precision)
            logits = self.model(batch.elements, chosen=batch.latents, dtype=dtype)
        loss = functional.cross_entropy(logits.float(), batch.targets)
        total = loss
        if self.feature_loss is not None:
            total = loss + self.plan.feature_weight * self.feature_loss(batch.teacher_features)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        return loss.detach()

    def _autocast(self) -> AbstractContextManager[object]:
        """Mixed precision, unless the plan's precision is float32."""
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.plan.precision))

    def _random_subset(self, step: int, share: float, count: int) -> Tensor | None:
        """A random share of `count` indices, sorted; None for all, as in the last tenth."""
        if share >= 1 or self._progress(step) > 0.9:
            return None
        return torch.randperm(count)[: max(1, round(share * count))].sort()[0]

    def _save(self) -> None:
        tensors: dict[str, Tensor] = {}
        for name, value in self.model.state_dict().items():
            tensors[f"model/{name}"] = value.contiguous()
        if self.feature_loss is not None:
            for name, value in self.feature_loss.state_dict().items():
                tensors[f"guide/{name}"] = value
        for name, value in self.average.module.state_dict().items():
            tensors[f"average/{name}"] = value.contiguous()
        for number, optimiser in enumerate(self.optimisers):
            for index, values in optimiser.state_dict()["state"].items():
                for name, value in values.items():
                    tensors[f"optimiser/{number}/{index}/{name}"] = torch.as_tensor(value)
        where = {"step": str(self.step), "elapsed_s": str(self.elapsed_s)}
        with atomic_write(self.state_file) as part:
            save_file(tensors, part, metadata=where)

    def _restore(self) -> None:
        try:
            with safe_open(self.state_file, framework="pt") as file:
                where = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return
        kinds = ("model", "guide", "average", "optimiser")
        parts: dict[str, dict[str, Tensor]] = {kind: {} for kind in kinds}
        for name, value in tensors.items():
            kind, rest = name.split("/", 1)
            parts[kind][rest] = value
        self.model.load_state_dict(parts["model"])
        if self.feature_loss is not None:
            self.feature_loss.load_state_dict(parts["guide"])
        self.average.module.load_state_dict(parts["average"])
        for number, optimiser in enumerate(self.optimisers):
            state = optimiser.state_dict()
            state["state"] = {}
            for name, value in parts["optimiser"].items():
                owner, index, slot = name.split("/")
                if int(owner) == number:
                    state["state"].setdefault(int(index), {})[slot] = value
            optimiser.load_state_dict(state)
        self.step = int(where["step"])
        self.average.n_averaged.fill_(self.step)
        self.elapsed_s = float(where["elapsed_s"])
