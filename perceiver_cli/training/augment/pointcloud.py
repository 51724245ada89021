"""Augmentation of shapes: rotation, dropped parts, scaling, PointCutMix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from perceiver_cli.training.augment.base import Augmentation, Augmented
from perceiver_cli.training.augment.mixup import draw_beta


class PointCloudAugmentation(Augmentation):
    """Rotation, dropped parts, a random scale per axis, shift, mirroring, jitter, fewer points.

    Half of the shapes are rotated about the vertical by any angle; half of the batches lose up to
    30 % of their points on one side. Points are mixed by `point_cutmix`.
    """

    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """See Augmentation."""
        points = arrays["pointcloud"].float()
        if torch.rand(()) < 0.5:
            points = drop_side(points, 0.3 * float(torch.rand(())))
        batch, count, _ = points.shape
        fewer = int(torch.randint(count // 2, count + 1, ()))
        points = rotate_half(points[:, torch.randperm(count)[:fewer]])
        points, targets = point_cutmix(points, targets, self.mixup_probability)
        scale = torch.empty(batch, 1, 3).uniform_(2 / 3, 3 / 2)
        # Placed in the unit ball: of the scale, only the proportions are left.
        return Augmented({"pointcloud": place(points * scale)}, targets)


def point_cutmix(points: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Takes some points of each shape from another one (PointCutMix-R, Zhang et al. 2021).

    Args:
        points: float [B, N, 3], in random order.
        targets: Soft targets [B, classes].
        probability: Probability that the batch is changed.

    Returns:
        Points and targets of the same shapes.
    """
    if torch.rand(()) >= probability:
        return points, targets
    batch, count, _ = points.shape
    taken = round(float(draw_beta(1.0, 1)) * count)
    order = torch.randperm(batch)
    points = torch.cat([points[:, taken:], points[order, :taken]], 1)
    return points, targets * (1 - taken / count) + targets[order] * (taken / count)


def place(points: Tensor) -> Tensor:
    """Mirrors shapes, scales them to the unit ball, shifts them and moves each point a little.

    Args:
        points: float [B, N, 3].

    Returns:
        The same shape.
    """
    batch = len(points)
    mirror = torch.ones(batch, 1, 3)
    mirror[..., :2] -= 2.0 * (torch.rand(batch, 1, 2) < 0.5)
    shift = torch.empty(batch, 1, 3).uniform_(-0.1, 0.1)
    points = points * mirror
    radius = points.square().sum(-1).amax(1).sqrt().view(-1, 1, 1).clamp_min(1e-6)
    return points / radius + shift + 0.005 * torch.randn_like(points)


def rotate_half(points: Tensor) -> Tensor:
    """Rotates half of the shapes by any angle about z.

    Args:
        points: float [B, N, 3].

    Returns:
        The same shape.
    """
    angle = torch.empty(len(points)).uniform_(0, 2 * math.pi) * (torch.rand(len(points)) < 0.5)
    sin, cos, none = angle.sin(), angle.cos(), torch.zeros(len(points))
    rotation = torch.stack([cos, sin, none, -sin, cos, none, none, none, none + 1], -1)
    return points @ rotation.view(-1, 3, 3)


def drop_side(points: Tensor, share: float) -> Tensor:
    """Drops the points furthest in a random direction, and centres the others.

    Args:
        points: float [B, N, 3].
        share: Share of the points that are dropped.

    Returns:
        [B, round((1 - share) N), 3], at least one point.
    """
    batch, count, _ = points.shape
    depth = (points @ torch.randn(batch, 3, 1)).squeeze(-1)
    nearest = depth.argsort(1)[:, : max(1, round((1 - share) * count))]
    points = points.gather(1, nearest.unsqueeze(-1).expand(-1, -1, 3))
    return points - points.mean(1, keepdim=True)
