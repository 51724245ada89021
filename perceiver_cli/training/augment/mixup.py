"""Mixup, and targets from a teacher."""

from __future__ import annotations

import torch
from torch import Tensor


def blend(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(1 - share) a + share b."""
    return torch.lerp(a, b, share)


def distil(targets: Tensor, logits: Tensor, share: float) -> Tensor:
    """Mixes a teacher's scores into targets (Hinton et al. 2015, at temperature 1).

    Args:
        targets: Soft targets [B, classes].
        logits: The teacher's, [B, classes, h, w]; averaged over h and w.
        share: Of the teacher.

    Returns:
        Soft targets [B, classes].
    """
    return blend(targets, logits.mean((2, 3)).softmax(1), share)


def interpolate(logits: Tensor, positions: Tensor) -> Tensor:
    """Interpolates rows linearly.

    Args:
        logits: [B, C, 1, w].
        positions: 0 (the first) to 1 (the last), [B].

    Returns:
        [B, C, 1, 1].
    """
    last = logits.shape[-1] - 1
    index = (positions * last).view(-1, 1, 1, 1)
    left = index.floor().clamp(max=max(0, last - 1)).long()
    right = (left + 1).clamp(max=last)
    shape = (*logits.shape[:-1], 1)
    a, b = logits.gather(3, left.expand(shape)), logits.gather(3, right.expand(shape))
    return torch.lerp(a, b, (index - left).to(a))


def mixup(values: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Mixup of a batch with itself in random order, one share per item (Zhang et al. 2018).

    Args:
        values: float [B, ...].
        targets: Soft targets [B, classes].
        probability: Of a change of the batch.

    Returns:
        Values and targets of the same shapes.
    """
    if torch.rand(()) >= probability:
        return values, targets
    share = torch.distributions.Beta(0.4, 0.4).sample((len(values),))
    share = torch.minimum(share, 1 - share)
    order = torch.randperm(len(values))
    wide = share.view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values, values[order], wide), torch.lerp(
        targets, targets[order], share.view(-1, 1)
    )
