"""The training loop: steps of the optimisers, a moving average, state on disk every minute."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.atomic import atomic_write
from perceiver_cli.checkpoints.format import parameter_name
from perceiver_cli.device import is_out_of_memory
from perceiver_cli.errors import UsageError
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.batches import Batch, Batches
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.distillation import Teacher
from perceiver_cli.training.feature_loss import FeatureLoss
from perceiver_cli.training.hyperparameters import Hyperparameters
from perceiver_cli.training.optimiser import build_optimisers, moving_average, rate_factor
from perceiver_cli.training.saved_state import Design, open_state, other_training, state_file

SAVE_EVERY_S = 60.0

# Kinds of tensors in the states of older versions -> their names now.
_OLD_KINDS = {"guide": "feature_loss"}


@dataclass(frozen=True)
class Progress:
    """The progress of a training, reported after every step; on a GPU after every 20th.

    Attributes:
        step: Steps that are done.
        elapsed_s: Seconds that the training has taken.
        share: Share of the training that is done, 0 to 1.
        loss: Cross-entropy of the last step, in nats.
        rate: Learning rate of the last step.
        items_per_s: Items per second since the last report.
    """

    step: int
    elapsed_s: float
    share: float
    loss: float
    rate: float
    items_per_s: float


class Training:
    """One training run, which resumes from its folder after it was killed.

    Args:
        model: The model to train. The training runs on its device.
        adapter: Makes the byte arrays.
        cache: The decoded training files.
        hyperparameters: The hyperparameters.
        run: The folder of the state, state.safetensors.
        teacher: Another model's outputs for the training files.
        design: Saved with the state, see saved_state.check_continues.
        command: The call, as the checkpoint's card has it. Saved with the state.

    Attributes:
        average: The moving average of the weights.
        command: The call that made the weights: once a training is done, that of the state.
        step: Steps that are done.
        elapsed_s: Seconds that they took.
    """

    def __init__(
        self,
        model: Perceiver,
        adapter: Adapter,
        cache: Cache,
        hyperparameters: Hyperparameters,
        run: Path,
        teacher: Teacher | None = None,
        design: Design | None = None,
        command: str = "",
    ) -> None:
        self.model = model
        self.device = model.latents.device
        self.hyperparameters = hyperparameters
        self.state_file = state_file(run)
        self.design = design or {}
        self.command = command
        self.batches = Batches(adapter, cache, hyperparameters, model.config, self.device, teacher)
        self.average = moving_average(model, hyperparameters.ema_decay)
        self.feature_loss: FeatureLoss | None = None
        if self.batches.teacher_feature_count and hyperparameters.feature_weight:
            self.feature_loss = FeatureLoss(model, self.batches.teacher_feature_count).to(
                self.device
            )
        self.optimisers = build_optimisers(
            model,
            hyperparameters.rate,
            hyperparameters.decay,
            getattr(torch, hyperparameters.precision),
            self.feature_loss,
        )
        self.step = 0
        self.elapsed_s = 0.0

    def run(self, on_step: Callable[[Progress], None]) -> None:
        """Trains until a limit is reached. Starts from the saved state if there is one.

        Args:
            on_step: Called after every step; on a GPU after every 20th and the last.

        Raises:
            OSError: The state cannot be saved.
            UsageError: The loss or a weight, as float16, is no longer finite, a step needs more
                memory than there is, or the saved state cannot be read or is of another model. That
                state stays.
        """
        with _memory_error_in_words(self.hyperparameters.batch_size):
            self._run(on_step)

    def _run(self, on_step: Callable[[Progress], None]) -> None:
        self._restore()
        self.model.train()
        schedulers = [
            LambdaLR(optimiser, lambda _: rate_factor(self._progress(self.step)))
            for optimiser in self.optimisers
        ]
        saved_at = reported_at = time.perf_counter()
        begun = saved_at - self.elapsed_s
        reported = self.step
        with closing(self.batches.from_step(self.step, self._progress)) as batches:
            while self._progress(self.step) < 1:
                rate = schedulers[0].get_last_lr()[0]
                loss = self.train_step(next(batches))
                self.step += 1
                self.elapsed_s = time.perf_counter() - begun
                self.average.update_parameters(self.model)
                for scheduler in schedulers:
                    scheduler.step()
                share = self._progress(self.step)
                if share == 1 or self.step % self._report_every == 0:
                    shown = float(loss)  # waits for the device
                    self._check_finite(math.isfinite(shown), "loss is")
                    now = time.perf_counter()
                    speed = (
                        (self.step - reported)
                        * self.hyperparameters.batch_size
                        / (now - reported_at)
                    )
                    reported, reported_at = self.step, now
                    on_step(Progress(self.step, self.elapsed_s, share, shown, float(rate), speed))
                if time.perf_counter() - saved_at > SAVE_EVERY_S:
                    self._save()
                    saved_at = time.perf_counter()
        self._save()

    @property
    def _report_every(self) -> int:
        """Steps between two reports: reading the loss makes the CPU wait for the GPU."""
        return 1 if self.device.type == "cpu" else 20

    def _progress(self, step: int) -> float:
        """The share of the training that is done before that step, 0 to 1."""
        by_time = (
            self.elapsed_s / (60 * self.hyperparameters.minutes)
            if self.hyperparameters.minutes
            else 0.0
        )
        by_steps = step / self.hyperparameters.steps if self.hyperparameters.steps else 0.0
        return min(1.0, max(by_time, by_steps))

    def train_step(self, batch: Batch) -> Tensor:
        """One step of the optimisers. Returns the loss of the targets."""
        with self._autocast():
            dtype = getattr(torch, self.hyperparameters.precision)
            logits = self.model(batch.elements, chosen=batch.latents, dtype=dtype)
        loss = functional.cross_entropy(logits.float(), batch.targets)
        total = loss
        if self.feature_loss is not None and batch.teacher_features is not None:
            total = loss + self.hyperparameters.feature_weight * self.feature_loss(
                batch.teacher_features
            )
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        return loss.detach()

    def _autocast(self) -> AbstractContextManager[object]:
        """Mixed precision, unless the precision is float32."""
        if self.hyperparameters.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, getattr(torch, self.hyperparameters.precision))

    def _check_finite(self, finite: bool, what: str) -> None:
        if not finite:
            raise UsageError(
                f"the {what} not finite after step {self.step}: "
                "train with a lower --rate or --decay"
            )

    def _save(self) -> None:
        # In float16, as the checkpoint stores them: larger ones would be infinite there.
        finite = all(bool(weight.half().isfinite().all()) for weight in self.model.parameters())
        self._check_finite(finite, "weights are")
        tensors: dict[str, Tensor] = {}
        for name, value in self.model.state_dict().items():
            tensors[f"model/{name}"] = value.contiguous()
        if self.feature_loss is not None:
            for name, value in self.feature_loss.state_dict().items():
                tensors[f"feature_loss/{name}"] = value
        for name, value in self.average.module.state_dict().items():
            tensors[f"average/{name}"] = value.contiguous()
        for number, optimiser in enumerate(self.optimisers):
            for index, values in optimiser.state_dict()["state"].items():
                for name, value in values.items():
                    tensors[f"optimiser/{number}/{index}/{name}"] = torch.as_tensor(value)
        where = {
            "step": str(self.step),
            "elapsed_s": str(self.elapsed_s),
            "design": json.dumps(self.design),
            "command": self.command,
        }
        with atomic_write(self.state_file) as part:
            save_file(tensors, part, metadata=where)

    def _restore(self) -> None:
        opened = open_state(self.state_file.parent)
        if opened is None:
            return
        with opened as file:
            where = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        kinds = ("model", "feature_loss", "average", "optimiser")
        parts: dict[str, dict[str, Tensor]] = {kind: {} for kind in kinds}
        for name, value in tensors.items():
            kind, rest = name.split("/", 1)
            parts[_OLD_KINDS.get(kind, kind)][parameter_name(rest)] = value
        try:
            self.model.load_state_dict(parts["model"])
        except RuntimeError:  # a state without a design, of an older version
            raise UsageError(other_training(self.state_file.parent, "its model")) from None
        if self.feature_loss is not None:
            self.feature_loss.load_state_dict(parts["feature_loss"])
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
        if self._progress(self.step) == 1:
            # States of older versions have no command.
            self.command = where.get("command", self.command)


@contextmanager
def _memory_error_in_words(batch_size: int) -> Iterator[None]:
    """Turns a lack of memory for a batch into a UsageError."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UsageError(
            f"out of memory with {batch_size} items per step: use a smaller --batch-size"
        ) from None
