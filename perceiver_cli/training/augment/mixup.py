"""Mixup, and targets from a teacher."""

from __future__ import annotations

import torch
from torch import Tensor


def distil(targets: Tensor, logits: Tensor, share: float) -> Tensor:
    """Mixes a teacher's scores into targets (Hinton et al. 2015, at temperature 1).

    Args:
        targets: Soft targets [B, classes].
        logits: The teacher's, [B, classes, h, w]; averaged over h and w.
        share: Share of the teacher.

    Returns:
        Soft targets [B, classes].
    """
    return torch.lerp(targets, logits.mean((2, 3)).softmax(1), share)


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


def draw_beta(concentration: float, count: int) -> Tensor:
    """Draws from the beta distribution with equal parameters.

    Args:
        concentration: Both of its parameters.
        count: Number of draws.

    Returns:
        float32 [count], on the CPU: MPS cannot draw them.
    """
    parameter = torch.tensor(concentration, device="cpu")
    return torch.distributions.Beta(parameter, parameter).sample((count,))


def mixup(
    tensors: dict[str, Tensor], probability: float, *, per_item: bool = True
) -> dict[str, Tensor]:
    """Mixup of a batch with itself in random order (Zhang et al. 2018).

    Args:
        tensors: Name -> inputs or targets to mix with the same shares, float [B, ...].
        probability: Probability that the batch is changed.
        per_item: Whether each item has its own share of at most one half; otherwise the whole batch
            has one share.

    Returns:
        Name -> a tensor of the same shape.
    """
    if torch.rand(()) >= probability:
        return tensors
    items = len(next(iter(tensors.values())))
    share = draw_beta(0.4, items if per_item else 1).to(next(iter(tensors.values())).device)
    if per_item:
        share = torch.minimum(share, 1 - share)
    order = torch.randperm(items)
    return {
        name: torch.lerp(tensor, tensor[order], share.view(-1, *[1] * (tensor.dim() - 1)))
        for name, tensor in tensors.items()
    }
