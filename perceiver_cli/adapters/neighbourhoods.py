"""The surface around each point of a shape: density, offset and covariance of its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# Values of a point for each radius: log density, mean offset (x, y, z) and covariance
# (xx, yy, zz, xy, xz, yz).
MOMENTS = 10
# Pairs of points whose distances are computed at once, so that they stay in the processor's cache.
_PAIRS = 2**17


def neighbourhood_moments(points: Tensor, radii: list[float]) -> Tensor:
    """Moments of a shape's points around each of them, weighted by (1 - d^2 / r^2)^2 up to r.

    The density is relative to the number of points. Each value is scaled to be about of size 1.

    Args:
        points: float32 [B, N, 3] in the unit ball.
        radii: Radii r.

    Returns:
        float32 [B, N, 10 len(radii)], radius by radius in the order of MOMENTS.
    """
    with torch.autocast(points.device.type, enabled=False):
        sums = torch.stack([_weighted_sums(shape, radii) for shape in points])
        total, first, second, _ = sums.split((1, 3, 6, 6), -1)
        mean = first / total
        covariance = second / total - _products(mean)
        radius = torch.tensor(radii, device=points.device).unsqueeze(1)
        density = (total / points.shape[1]).log() + 3
        offset = (mean - points.unsqueeze(2)) * 4 / radius
        return torch.cat([density, offset, covariance * 8 / radius.square()], -1).flatten(2)


def _weighted_sums(points: Tensor, radii: list[float]) -> Tensor:
    """Points [N, 3] -> [N, radii, 16]: sums of the weights, of the points and of their products.

    The last six are zero: a product with 16 columns is faster than one with 10.
    """
    one, products = torch.ones_like(points[:, :1]), _products(points)
    terms = functional.pad(torch.cat([one, points, products], 1), (0, 6))
    half = products[:, :3].sum(1, keepdim=True) / 2
    left = torch.cat([points, -half, one], 1)
    right = torch.cat([points, one, -half], 1).T.contiguous()
    sums = []
    for rows in left.split(max(1, _PAIRS // len(points))):
        nearness = rows @ right  # -d^2 / 2
        weights = ((nearness * (2 / r**2)).add_(1).clamp_(0, 1).square_() for r in radii)
        sums.append(torch.stack([each @ terms for each in weights], 1))
    return torch.cat(sums)


def _products(points: Tensor) -> Tensor:
    """Coordinates [..., 3] -> their products xx, yy, zz, xy, xz, yz [..., 6]."""
    x, y, z = points.unbind(-1)
    return torch.stack([x * x, y * y, z * z, x * y, x * z, y * z], -1)
