"""Mixtures of a batch with itself, and of targets with a teacher's."""

from __future__ import annotations

import torch
from torch import Tensor


def blend(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(1 - share) a + share b."""
    return torch.lerp(a, b, share)


def teach(targets: Tensor, logits: Tensor, share: float) -> Tensor:
    """Targets [B, classes], a share of each from a teacher's logits [B, classes, h, w]."""
    return blend(targets, logits.mean((2, 3)).softmax(1), share)


def along(logits: Tensor, where: Tensor) -> Tensor:
    """Of a row [B, C, 1, w], what lies at places [B] from 0 to 1: [B, C, 1, 1]."""
    last = logits.shape[-1] - 1
    place = (where * last).view(-1, 1, 1, 1)
    left = place.floor().clamp(max=max(0, last - 1)).long()
    right = (left + 1).clamp(max=last)
    shape = (*logits.shape[:-1], 1)
    a, b = logits.gather(3, left.expand(shape)), logits.gather(3, right.expand(shape))
    return torch.lerp(a, b, (place - left).to(a))


def mix(values: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018) of a batch with itself in another order, one share per item."""
    if torch.rand(()) >= probability:
        return values, targets
    share = torch.distributions.Beta(0.4, 0.4).sample((len(values),))
    share = torch.minimum(share, 1 - share)
    order = torch.randperm(len(values))
    wide = share.view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values, values[order], wide), torch.lerp(
        targets, targets[order], share.view(-1, 1)
    )
