from __future__ import annotations

import pytest
import torch

from perceiver_cli.adapters.neighbourhoods import MOMENTS, neighbourhood_moments

RADII = [0.8, 0.4, 0.2]


def some_points(shapes=2, count=600, seed=0):
    """Points in the unit ball: float32 [shapes, count, 3]."""
    directions = torch.randn(shapes, count, 3, generator=torch.Generator().manual_seed(seed))
    return directions / directions.norm(dim=-1).amax(1).view(-1, 1, 1)


def as_defined(points, radius):
    """The moments of one shape, point by point: float64 [N, 10]."""
    points = points.double()
    rows = []
    for own in points:
        apart = points - own
        weight = (1 - apart.square().sum(1) / radius**2).clamp(min=0).square()
        share = (weight / weight.sum()).unsqueeze(1)
        offset = (share * apart).sum(0)
        spread = (share * (apart - offset)).T @ (apart - offset)
        entries = spread[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        density = (weight.sum() / len(points)).log() + 3
        rows.append(torch.cat([density[None], offset * 4 / radius, entries * 8 / radius**2]))
    return torch.stack(rows)


@pytest.mark.parametrize("count", [1, 2, 17, 600])
def test_moments_are_those_of_the_definition(count):
    points = some_points(count=count)
    expected = torch.stack(
        [torch.cat([as_defined(shape, r) for r in RADII], 1) for shape in points]
    )
    found = neighbourhood_moments(points, RADII)
    assert found.shape == (2, count, MOMENTS * len(RADII))
    torch.testing.assert_close(found.double(), expected, atol=2e-4, rtol=1e-4)


def test_a_plane_has_unit_spread_within_it_and_none_across():
    side = torch.linspace(-0.7, 0.7, 71)
    points = torch.cartesian_prod(side, side, torch.zeros(1))[None]
    middle = neighbourhood_moments(points, [0.4])[0, 71 * 71 // 2]
    torch.testing.assert_close(middle[1:4], torch.zeros(3), atol=1e-4, rtol=0)
    expected = torch.tensor([1.0, 1, 0, 0, 0, 0])
    torch.testing.assert_close(middle[4:], expected, atol=0.02, rtol=0)


def test_the_order_of_the_points_does_not_matter():
    points = some_points()
    order = torch.randperm(600)
    torch.testing.assert_close(
        neighbourhood_moments(points[:, order], RADII),
        neighbourhood_moments(points, RADII)[:, order],
        atol=1e-4,
        rtol=1e-4,
    )


def test_points_out_of_reach_do_not_matter():
    points = some_points(1)
    moved = points.clone()
    moved[0, 0] = torch.tensor([0.0, 0, 9])
    reached = (points[0] - points[0, 0]).norm(dim=1) < 0.2
    before, after = neighbourhood_moments(points, [0.2]), neighbourhood_moments(moved, [0.2])
    torch.testing.assert_close(after[0, ~reached], before[0, ~reached], atol=1e-4, rtol=1e-4)
    assert (after[0, reached] - before[0, reached]).abs().amax(1).mean() > 0.01


def test_turning_a_shape_turns_offset_and_covariance():
    points = some_points()
    found = neighbourhood_moments(points[..., [1, 2, 0]], [0.4])
    # x, y, z become y, z, x.
    order = [0, 2, 3, 1, 5, 6, 4, 9, 7, 8]
    expected = neighbourhood_moments(points, [0.4])[..., order]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_identical_points_are_finite_in_reduced_precision_too():
    with torch.autocast("cpu", torch.bfloat16):
        found = neighbourhood_moments(torch.zeros(1, 9, 3), RADII)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[..., 1:10], torch.zeros(1, 9, 9))
    assert (found[..., ::10] == 3).all()
