"""Keys and values of a grid equal those of its materialized elements."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.model import grid
from perceiver_cli.model.attention import attend
from perceiver_cli.model.byte_array import NormalisedByteArray, as_keys_and_values, normalise
from perceiver_cli.model.grid import GridKeyValues
from perceiver_cli.model.keys_values import ChunkedKeyValues

EPS = 1e-5


def draw(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def put_together(raw: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    places = (rows[:, None] + columns).flatten(0, 1)
    return normalise(torch.cat([raw, places.expand(len(raw), *places.shape)], -1), EPS)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    latents=st.integers(1, 5),
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    raw_channels=st.integers(1, 4),
    place_channels=st.integers(1, 6),
    places=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_reading_a_grid_is_reading_its_elements(
    batch, heads, latents, sizes, raw_channels, place_channels, places, seed
):
    raw = 5 * draw(seed, batch, sizes[0] * sizes[1], raw_channels) + 3
    rows, columns = (draw(seed + 1 + i, size, place_channels) for i, size in enumerate(sizes))
    x = put_together(raw, rows, columns).unsqueeze(1)
    queries = draw(seed + 3, batch, heads, latents, raw_channels + place_channels)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(grid, "POSITIONS", places)
        read = GridKeyValues(raw, rows, columns, EPS)
        found, weights = attend(queries, read, watched=True)
        expected, expected_weights = attend(queries, ChunkedKeyValues.of(x, x), watched=True)
        parts = [weights.chunk(where) for where in weights.slices()]
    close = {"rtol": 0, "atol": 1e-9}
    torch.testing.assert_close(found, expected, **close)
    everything = expected_weights.chunk(slice(0, x.shape[2]))
    torch.testing.assert_close(torch.cat(parts, -1), everything, **close)
    for name in ("log_norm", "peak", "entropy"):
        torch.testing.assert_close(
            getattr(weights, name), getattr(expected_weights, name), rtol=1e-9, atol=1e-9
        )


def test_parts_are_whole_rows_and_few_where_there_are_many_items(monkeypatch):
    monkeypatch.setattr(grid, "POSITIONS", 20)
    rows, columns = draw(1, 7, 2), draw(2, 5, 2)
    for batch, sizes in ((1, [20, 15]), (2, [10, 10, 10, 5]), (9, [5] * 7)):
        read = GridKeyValues(draw(3, batch, 35, 1), rows, columns, EPS)
        assert [where.stop - where.start for where in read.slices()] == sizes


def test_a_gpu_reads_more_at_once(monkeypatch):
    monkeypatch.setattr(grid, "POSITIONS", 5)
    monkeypatch.setattr(grid, "POSITIONS_ON_GPU", 20)
    arrays = draw(3, 1, 35, 1), draw(1, 7, 2), draw(2, 5, 2)
    for device, count in (("cpu", 7), ("meta", 2)):
        read = GridKeyValues(*(array.to(device) for array in arrays), EPS)
        assert len(list(read.slices())) == count


@pytest.mark.parametrize(("sizes", "as_grid"), [((12,), False), ((3, 4), True), ((2, 3, 2), False)])
def test_what_is_read_as_a_grid(sizes, as_grid):
    x = NormalisedByteArray(
        torch.zeros(1, 12, 2), GridFeatures(Bands(2, 3.0), *sizes), EPS, torch.float32
    )
    assert isinstance(as_keys_and_values(x), GridKeyValues) is as_grid


def test_elements_that_hardly_vary_are_read_exactly():
    """Large and nearly the same in all channels: where a variance as a difference would fail."""
    raw = (1000 + 0.1 * draw(1, 1, 12, 3)).float()
    rows, columns = (500 + 0.1 * draw(2, 3, 4)).float(), (500 + 0.1 * draw(3, 4, 4)).float()
    x = put_together(raw.double(), rows.double(), columns.double())
    read = GridKeyValues(raw, rows, columns, EPS)
    found = read.project_sums(read.chunk(slice(0, 12)).sums(torch.eye(12).expand(1, 1, 12, 12)))
    torch.testing.assert_close(found[0, 0].double(), x[0], rtol=0, atol=5e-3)
