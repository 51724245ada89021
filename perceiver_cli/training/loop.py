"""The training loop: arrays in memory, whole-batch augmentation, state on disk every minute."""

from __future__ import annotations

import json
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

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.atomic import atomic_write
from perceiver_cli.device import to_device
from perceiver_cli.modalities import part
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.distillation import Teacher
from perceiver_cli.training.guide import FeatureGuide
from perceiver_cli.training.optimiser import Average, build_optimisers, rate_at

SAVE_EVERY_S = 60.0


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    minutes, steps: whichever is reached first ends the training; None does not limit.
    rate, decay: peak learning rate and weight decay; balance: 0 draws files as they come, 1 draws
    every class equally often; mixup: probability of a mixed batch; smoothing: of the targets;
    average: decay of the shipped moving average; precision: "float32" or "bfloat16".
    latents: share of the latents, drawn anew each step, that training runs with until the last
    tenth, which has them all: a step's cost falls with it (as FLIP drops patches, Li et al. 2023).
    elements: share of every stream's elements, drawn in the same way, that a step reads.
    taught: share of every target that the teacher says, where there is one; guided: weight of what
    its features add to the loss, where it gives some: see guide.py.
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
    taught: float = 0.5
    guided: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """Where a training stands: told after every step."""

    step: int
    elapsed_s: float
    share: float
    loss: float
    rate: float
    items_per_s: float


@dataclass(frozen=True)
class Batch:
    """What one step learns from, on the model's device.

    elements: name -> byte array [B, M_s, C_s]; targets: [B, classes]; described: the teacher's
    features [B, F], where it gives some (F may be 0); chosen: the latents of this step, None for
    all.
    """

    elements: dict[str, Tensor]
    targets: Tensor
    described: Tensor
    chosen: Tensor | None


class Training:
    """One training run, resumable from its folder after a kill at any moment.

    It learns on the device that the model is on.
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
        self.metrics_file = run / "metrics.jsonl"
        self.augment = part(adapter.modality, "augmentation")(adapter, plan.mixup, plan.taught)
        self.adapter = adapter
        self.guide: FeatureGuide | None = None
        if teacher and teacher.features is not None and plan.guided and self.augment.guided:
            self.guide = FeatureGuide(model, teacher.features.shape[1]).to(self.device)
        self.optimisers = build_optimisers(
            model, plan.rate, plan.decay, getattr(torch, plan.precision), self.guide
        )
        self.average = Average(model, plan.average)
        self.step = 0
        self.elapsed_s = 0.0
        counts = np.bincount(cache.classes, minlength=model.config.classes)
        weights = counts[cache.classes].astype(float) ** -plan.balance
        self.chances = torch.from_numpy(weights / weights.sum())

    def run(self, tell: Callable[[Progress], None]) -> None:
        """Trains to the end of the plan. Starts from the saved state if there is one."""
        self._restore()
        self.model.train()
        saved_at = begun = time.monotonic() - self.elapsed_s
        saved_at = time.monotonic()
        with closing(self._batches()) as batches:
            while (share := self._share(self.step)) < 1:
                factor = rate_at(share)
                started = time.monotonic()
                loss = float(self._learn(next(batches), factor))
                self.step += 1
                self.elapsed_s = time.monotonic() - begun
                self.average.update(self.model, self.step)
                speed = self.plan.batch / (time.monotonic() - started)
                rate, share = factor * self.plan.rate, self._share(self.step)
                tell(Progress(self.step, self.elapsed_s, share, loss, rate, speed))
                if time.monotonic() - saved_at > SAVE_EVERY_S:
                    self._save()
                    saved_at = time.monotonic()
        self._save()

    def note(self, **values: float | int | str) -> None:
        """Appends one line to the run's metrics."""
        with open(self.metrics_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")

    def _share(self, step: int) -> float:
        """How much of the plan is done before that step."""
        by_time = self.elapsed_s / (60 * self.plan.minutes) if self.plan.minutes else 0.0
        by_steps = step / self.plan.steps if self.plan.steps else 0.0
        return min(1.0, max(by_time, by_steps))

    def _batches(self) -> Generator[Batch, None, None]:
        """The batches of this step and of all that follow."""
        if self.device.type != "cpu":
            yield from self._batches_ahead()
        for step in count(self.step):
            yield self._draw(step)

    def _batches_ahead(self) -> Generator[Batch, None, None]:
        """The same. While the device learns from one, the next is drawn by a thread."""
        steps = count(self.step)
        with ThreadPoolExecutor(1) as thread:
            coming = thread.submit(self._draw, next(steps))
            for step in steps:
                batch, coming = coming.result(), thread.submit(self._draw, step)
                yield batch

    def _draw(self, step: int) -> Batch:
        """The batch of a step, which is the same in every run."""
        torch.manual_seed(self.plan.seed * 1_000_003 + step)
        rows = torch.multinomial(self.chances, self.plan.batch, replacement=True).sort()[0].numpy()
        arrays = {n: torch.from_numpy(a) for n, a in self.cache.rows(rows).items()}
        if self.teacher:
            arrays |= self.teacher.of(self.cache.files[rows])
        classes = self.model.config.classes
        targets = functional.one_hot(torch.from_numpy(self.cache.classes[rows]), classes).float()
        with torch.no_grad():
            features, targets = self.augment(arrays, targets)
            targets, described = targets[:, :classes], targets[:, classes:]
            targets = targets * (1 - self.plan.smoothing) + self.plan.smoothing / targets.shape[1]
            elements = self.adapter.elements(features)
            for name, array in elements.items():
                if (read := self._drawn(step, self.plan.elements, array.shape[1])) is not None:
                    elements[name] = array[:, read]
        chosen = self._drawn(step, self.plan.latents, self.model.config.latents)
        return Batch(
            {name: to_device(array, self.device) for name, array in elements.items()},
            to_device(targets, self.device),
            to_device(described, self.device),
            None if chosen is None else to_device(chosen, self.device),
        )

    def _learn(self, batch: Batch, factor: float) -> Tensor:
        """One step; returns the loss."""
        with self._lowered():
            dtype = getattr(torch, self.plan.precision)
            logits = self.model(batch.elements, chosen=batch.chosen, dtype=dtype)
        loss = functional.cross_entropy(logits.float(), batch.targets)
        whole = loss
        if self.guide is not None:
            whole = loss + self.plan.guided * self.guide(batch.described)
        whole.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.rate * factor
            optimiser.step()
            optimiser.zero_grad()
        return loss.detach()

    def _lowered(self) -> AbstractContextManager[object]:
        """Products in bfloat16 on the model's device, if that is the plan's precision."""
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.plan.precision))

    def _drawn(self, step: int, share: float, count: int) -> Tensor | None:
        """Which of so many a step uses: a random share, in order; None for all of them."""
        if share >= 1 or self._share(step) > 0.9:
            return None
        return torch.randperm(count)[: max(1, round(share * count))].sort()[0]

    def _save(self) -> None:
        tensors: dict[str, Tensor] = {}
        for name, value in self.model.state_dict().items():
            tensors[f"model/{name}"] = value.contiguous()
        if self.guide is not None:
            for name, value in self.guide.state_dict().items():
                tensors[f"guide/{name}"] = value
        for name, value in self.average.values.items():
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
        if self.guide is not None:
            self.guide.load_state_dict(parts["guide"])
        average = {name: value.to(self.device) for name, value in parts["average"].items()}
        self.average.values = average
        for number, optimiser in enumerate(self.optimisers):
            state = optimiser.state_dict()
            state["state"] = {}
            for name, value in parts["optimiser"].items():
                owner, index, slot = name.split("/")
                if int(owner) == number:
                    state["state"].setdefault(int(index), {})[slot] = value
            optimiser.load_state_dict(state)
        self.step = int(where["step"])
        self.elapsed_s = float(where["elapsed_s"])
