"""Optimisers, the curve of the learning rate, and the moving average of the weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from perceiver_cli.training.muon import Muon

WARMUP = 0.03

Tensors = tuple[Tensor, ...] | list[Tensor]


def build_optimisers(
    model: nn.Module,
    rate: float,
    decay: float,
    iteration_dtype: torch.dtype,
    feature_loss: nn.Module | None = None,
) -> list[Optimizer]:
    """Muon for the weights of linear layers except the head; AdamW for all other parameters.

    The others are vectors, the head, learned inputs (latents, elements, positions, the read-out's
    query) and the feature loss.

    Args:
        model: The model to train.
        rate: Peak learning rate.
        decay: Weight decay.
        iteration_dtype: See Muon.
        feature_loss: Its parameters are trained too; None if there is none.

    Returns:
        The two optimisers; each has a part of the parameters.
    """
    matrices = {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name != "readout.head"
    }
    inner = [each for each in model.parameters() if id(each) in matrices]
    other = [each for each in model.parameters() if id(each) not in matrices]
    other += feature_loss.parameters() if feature_loss is not None else []
    return [
        Muon(inner, lr=rate, weight_decay=decay, iteration_dtype=iteration_dtype),
        AdamW(other, lr=rate, weight_decay=decay, betas=(0.9, 0.99)),
    ]


def rate_factor(progress: float) -> float:
    """Linear warm-up, then a cosine to 0 (Loshchilov and Hutter 2017).

    Args:
        progress: Share of the training that is done, 0 to 1. Not a step: a training may be limited
            by time.

    Returns:
        The factor on the peak learning rate, 0 to 1.
    """
    if progress < WARMUP:
        return progress / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (min(progress, 1) - WARMUP) / (1 - WARMUP)))


def moving_average(model: nn.Module, ema_decay: float) -> AveragedModel:
    """An exponential moving average of a model's weights.

    Its decay grows with the updates, so that early weights are forgotten.

    Args:
        model: The model whose weights are averaged.
        ema_decay: Maximum decay.
    """

    def update(averaged: Tensors, current: Tensors, count: Tensor | int) -> None:
        grown = min(ema_decay, (2 + int(count)) / (11 + int(count)))
        get_ema_multi_avg_fn(grown)(averaged, current, count)

    return AveragedModel(model, multi_avg_fn=update)
