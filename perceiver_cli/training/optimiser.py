"""How the weights move: Muon for the matrices inside, AdamW for the rest, one cosine for both."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from perceiver_cli.training.muon import Muon

WARMUP = 0.03


def build_optimisers(
    model: nn.Module,
    rate: float,
    decay: float,
    iterate_in: torch.dtype,
    beside: nn.Module | None = None,
) -> list[Optimizer]:
    """Muon for weight matrices; AdamW for vectors, latents, the head and what stands beside."""
    inner: list[nn.Parameter] = []
    other: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        matrix = parameter.dim() == 2 and not name.startswith("readout.head")
        (inner if matrix and name != "latents" else other).append(parameter)
    other += beside.parameters() if beside is not None else []
    return [
        Muon(inner, lr=rate, weight_decay=decay, iterate_in=iterate_in),
        AdamW(other, lr=rate, weight_decay=decay, betas=(0.9, 0.99)),
    ]


def rate_at(progress: float) -> float:
    """The factor on the learning rate at `progress` in [0, 1]: a short rise, then a cosine."""
    if progress < WARMUP:
        return progress / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (min(progress, 1) - WARMUP) / (1 - WARMUP)))


class Average:
    """An exponential moving average of a model's weights, which is what gets shipped.

    The decay grows with the steps taken, so that early weights are forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {n: p.detach().clone() for n, p in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Moves the average towards the model after its `step`-th step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        names = list(self.values)
        state = model.state_dict()
        torch._foreach_lerp_([self.values[n] for n in names], [state[n] for n in names], 1 - decay)
