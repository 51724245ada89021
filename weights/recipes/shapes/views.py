"""Changes of point clouds: float [B, N, 3], z up, on torch's default device."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def changed(points: Tensor, share: float, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Changes a random share of the clouds. The change keeps their number of points."""
    chosen = torch.rand(len(points)) < share
    result = points.clone()
    result[chosen] = change(points[chosen])
    return result


def resampled(points: Tensor) -> Tensor:
    """New points of the surface: each moves towards one of its four nearest neighbours."""
    nearest = torch.cdist(points, points).topk(5, largest=False)[1][..., 1:]
    one = torch.randint(4, (*points.shape[:2], 1))
    neighbours = rows_of(points, nearest.gather(2, one).squeeze(2))
    return torch.lerp(points, neighbours, 0.7 * torch.rand(*points.shape[:2], 1))


def deformed(points: Tensor, anchors: int = 4) -> Tensor:
    """Smooth local deformations (PointWOLF, Kim et al. 2021), in the unit ball."""
    batch = len(points)
    centres = rows_of(points, torch.rand(points.shape[:2]).topk(anchors, 1)[1]).unsqueeze(2)
    local = points.unsqueeze(1) - centres  # [B, anchors, N, 3]
    angle = math.pi / 12 * _uniform(batch, anchors)
    sin, cos, none = angle.sin(), angle.cos(), torch.zeros_like(angle)
    turn = torch.stack([cos, sin, none, -sin, cos, none, none, none, none + 1], -1)
    shear = 0.12 * _uniform(batch, anchors, 3, 3)
    stretch = (0.45 * _uniform(batch, anchors, 1, 3)).exp()
    shift = 0.15 * _uniform(batch, anchors, 1, 3)
    moved = (local * stretch) @ (turn.unflatten(-1, (3, 3)) + shear) + centres + shift
    weights = (local.square().sum(-1, keepdim=True) / (-2 * 0.4**2)).exp() + 1e-6
    return in_unit_ball((weights * moved).sum(1) / weights.sum(1))


def mixed(
    points: Tensor,
    targets: Tensor,
    share: float,
    regions: float,
    order: Tensor | None = None,
    limit: float | Tensor = 1.0,
) -> tuple[Tensor, Tensor]:
    """Replaces points by those of another cloud (PointCutMix, Zhang et al. 2021).

    Args:
        points: float [B, N, 3], in random order.
        targets: Soft targets [B, classes].
        share: Share of the clouds that are mixed.
        regions: Share of these that lose a region and get the same region of the other
            (PointCutMix-K); the others exchange random points (PointCutMix-R).
        order: The other cloud of each, int [B]; None: a random one.
        limit: Largest share of the points that is replaced; may be [B, 1].

    Returns:
        Points and targets of the same shapes.
    """
    batch, count, _ = points.shape
    order = torch.randperm(batch) if order is None else order
    other = points[order]
    centre = points[:, :1] + 0.1 * torch.randn(batch, 1, 3)
    by_region = torch.rand(batch, 1) < regions
    far_first = torch.where(by_region, -_distances(points, centre), torch.rand(batch, count))
    near_first = torch.where(by_region, _distances(other, centre), torch.rand(batch, count))
    replaced = limit * torch.rand(batch, 1) * (torch.rand(batch, 1) < share)
    kept = count - (replaced * count).long()
    place = torch.arange(count).expand(batch, -1)
    own = rows_of(points, far_first.argsort(1))
    new = rows_of(other, near_first.argsort(1).gather(1, (place - kept).clamp_min(0)))
    result = torch.where((place < kept).unsqueeze(-1), own, new)
    return result, torch.lerp(targets, targets[order], 1 - kept / count)


def stretched(points: Tensor, limit: float) -> Tensor:
    """A random factor for each axis, whose logarithm is at most `limit`."""
    return points * (limit * _uniform(len(points), 1, 3)).exp()


def fewer(points: Tensor) -> Tensor:
    """At least half of the points; in a tenth of the batches 150 to 512. In random order."""
    count = points.shape[1]
    few = torch.rand(()) < 0.1
    kept = int(torch.randint(150, 513, ()) if few else torch.randint(count // 2, count + 1, ()))
    return points[:, torch.randperm(count)[:kept]]


def in_unit_ball(points: Tensor) -> Tensor:
    """Centred, the furthest point at distance 1."""
    points = points - points.mean(1, keepdim=True)
    return points / points.square().sum(-1).amax(1).sqrt().view(-1, 1, 1).clamp_min(1e-6)


def _uniform(*shape: int) -> Tensor:
    """Random numbers between -1 and 1."""
    return 2 * torch.rand(shape) - 1


def rows_of(points: Tensor, index: Tensor) -> Tensor:
    """points [B, N, C], index [B, ...] -> [B, ..., C]."""
    batch = torch.arange(len(points), device=points.device).view(-1, *[1] * (index.dim() - 1))
    return points[batch, index]


def _distances(points: Tensor, centre: Tensor) -> Tensor:
    """Squared distances: [B, N, 3], [B, 1, 3] -> [B, N]."""
    return (points - centre).square().sum(-1)
