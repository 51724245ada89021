"""Shapes: turns, hidden sides, proportions, mixtures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from perceiver_cli.training.augment.base import Augment


class AugmentPoints(Augment):
    """Turns, hidden parts, random scales per axis, shift, mirror images, jitter; fewer points.

    Half of the shapes are turned about the vertical by any angle, half of the batches lose up to
    three tenths of their points on one side. With mixup, some shapes are half one and half another
    (PointCutMix-R, Zhang et al. 2021).
    """

    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features and targets of the changed batch."""
        points = arrays["pointcloud"].float()
        if torch.rand(()) < 0.5:
            points = hide_a_side(points, 0.3 * float(torch.rand(())))
        batch, count, _ = points.shape
        keep = int(torch.randint(count // 2, count + 1, ()))
        points = turn_half(points[:, torch.randperm(count)[:keep]])
        if torch.rand(()) < self.mixup:
            share = float(torch.distributions.Beta(1.0, 1.0).sample())
            order = torch.randperm(batch)
            taken = round(share * keep)
            points = torch.cat([points[:, taken:], points[order, :taken]], 1)
            targets = targets * (1 - taken / keep) + targets[order] * (taken / keep)
        scale = torch.empty(batch, 1, 3).uniform_(2 / 3, 3 / 2)
        mirror = torch.ones(batch, 1, 3)
        mirror[..., :2] -= 2.0 * (torch.rand(batch, 1, 2) < 0.5)
        shift = torch.empty(batch, 1, 3).uniform_(-0.1, 0.1)
        points = points * scale * mirror
        radius = points.square().sum(-1).amax(1).sqrt().view(-1, 1, 1).clamp_min(1e-6)
        # The scale itself must not matter: only the proportions change.
        points = points / radius + shift + 0.005 * torch.randn_like(points)
        return {"pointcloud": points}, targets


def turn_half(points: Tensor) -> Tensor:
    """Turns each shape, with a chance of one half, by any angle about z: [B, N, 3]."""
    angle = torch.empty(len(points)).uniform_(0, 2 * math.pi) * (torch.rand(len(points)) < 0.5)
    sin, cos, none = angle.sin(), angle.cos(), torch.zeros(len(points))
    turn = torch.stack([cos, sin, none, -sin, cos, none, none, none, none + 1], -1)
    return points @ turn.view(-1, 3, 3)


def hide_a_side(points: Tensor, share: float) -> Tensor:
    """Takes away the points furthest in a random direction, and centres what is left.

    [B, N, 3] -> [B, about (1 - share) N, 3].
    """
    batch, count, _ = points.shape
    along = (points @ torch.randn(batch, 3, 1)).squeeze(-1)
    seen = along.argsort(1)[:, : max(1, round((1 - share) * count))]
    points = points.gather(1, seen.unsqueeze(-1).expand(-1, -1, 3))
    return points - points.mean(1, keepdim=True)
