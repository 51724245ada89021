from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.adapters.fourier import (
    Bands,
    GridFeatures,
    fourier_features,
)


def grid_positions(*sizes: int) -> torch.Tensor:
    """Positions of a grid's cells: float32 [sizes..., d]."""
    axes = [torch.linspace(-1.0, 1.0, size) for size in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)


few = settings(max_examples=30, deadline=None)


@few
@given(
    dimensions=st.integers(1, 3),
    count=st.integers(1, 5),
    highest=st.floats(1.5, 30),
    spacing=st.sampled_from(["linear", "log"]),
    seed=st.integers(0, 1000),
)
def test_values_and_channel_order(dimensions, count, highest, spacing, seed):
    bands = Bands(count, highest, spacing)
    generator = torch.Generator().manual_seed(seed)
    points = 2 * torch.rand(4, 2, dimensions, generator=generator) - 1
    found = fourier_features(points, bands)
    assert found.shape == (4, 2, bands.channels(dimensions))
    frequencies = bands.frequencies().tolist()
    for row, column in ((0, 0), (3, 1)):
        p = points[row, column].tolist()
        angles = [math.pi * f * x for x in p for f in frequencies]
        expected = p + [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        assert found[row, column].tolist() == pytest.approx(expected, abs=3e-5)


def test_linear_bands_are_evenly_spaced_from_one():
    assert Bands(5, 9.0).frequencies().tolist() == pytest.approx([1, 3, 5, 7, 9])


def test_log_bands_grow_by_one_factor_from_one():
    assert Bands(6, 32.0, "log").frequencies().tolist() == pytest.approx([1, 2, 4, 8, 16, 32])
    uneven = Bands(7, 50.0, "log").frequencies()
    assert uneven[0] == pytest.approx(1)
    assert uneven[-1] == pytest.approx(50, rel=1e-6)
    assert (uneven[1:] / uneven[:-1]).tolist() == pytest.approx([50 ** (1 / 6)] * 6, rel=1e-5)


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_a_single_band_is_the_slowest(spacing):
    assert Bands(1, 20.0, spacing).frequencies().tolist() == [1.0]


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_each_dimension_may_have_its_own_highest(spacing):
    points = grid_positions(3, 4)
    each = fourier_features(points, Bands(3, (4.0, 16.0), spacing))
    slow = fourier_features(points, Bands(3, 4.0, spacing))
    fast = fourier_features(points, Bands(3, 16.0, spacing))
    first, second = [0, 2, 3, 4, 8, 9, 10], [1, 5, 6, 7, 11, 12, 13]
    assert torch.equal(each[..., first], slow[..., first])
    assert torch.equal(each[..., second], fast[..., second])


@pytest.mark.parametrize("sizes", [(5,), (2, 3), (3, 2, 4), (1, 4)])
def test_grid_positions_span_each_dimension(sizes):
    d = len(sizes)
    grid = GridFeatures(Bands(1, 2.0), *sizes)[:][:, :d].unflatten(0, sizes)
    for index in ((0,) * len(sizes), tuple(s - 1 for s in sizes), tuple(s // 2 for s in sizes)):
        expected = [
            -1 + 2 * i / (s - 1) if s > 1 else -1 for i, s in zip(index, sizes, strict=True)
        ]
        assert grid[index].tolist() == pytest.approx(expected, abs=1e-6)


def test_position_features_differ_at_all_positions_of_a_grid():
    features = fourier_features(grid_positions(8, 8), Bands(4, 4.0)).flatten(0, 1)
    apart = torch.cdist(features, features) + 10 * torch.eye(64)
    assert apart.min() > 0.1


@pytest.mark.parametrize(
    ("sizes", "bands"),
    [
        ((5,), Bands(3, 2.0)),
        ((6, 7), Bands(4, 8.0, "log")),
        ((3, 4, 5), Bands(4, (2.0, 3.0, 4.0))),
    ],
)
def test_grid_features_are_those_of_the_grids_positions(sizes, bands):
    expected = fourier_features(grid_positions(*sizes), bands)
    found = GridFeatures(bands, *sizes)
    torch.testing.assert_close(found[:], expected.flatten(0, -2))
    torch.testing.assert_close(found[2:5], found[:][2:5], rtol=0, atol=0)
    assert found.shape == found[:].shape
