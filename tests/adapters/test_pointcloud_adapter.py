from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver_cli.adapters.pointcloud import PointCloudAdapter
from perceiver_cli.media.types import PointCloud
from perceiver_cli.preparation.pointcloud import PointCloudRecipe, sample_indices
from tests.windows import windows_of

SMALL = PointCloudAdapter(PointCloudRecipe(points=64, bands=6))


def cloud(points: np.ndarray) -> PointCloud:
    return PointCloud(np.asarray(points, np.float64), "cloud", "z", len(points), 0)


def some_points(count: int = 200) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.standard_normal((count, 3)) * (1, 2, 0.5)


def elements_of(adapter: PointCloudAdapter, points: np.ndarray) -> torch.Tensor:
    """The byte array [M, C]."""
    array = windows_of(adapter, cloud(points))[0].arrays["pointcloud"]
    return adapter.byte_array({"pointcloud": torch.from_numpy(array)[None]})["pointcloud"][0]


@pytest.mark.parametrize("have", [1, 4, 63, 64, 65, 5000])
def test_the_byte_array_is_what_the_channels_say(have):
    x = elements_of(SMALL, some_points(have))
    assert x.shape == (64, 3 + 6 * 6)
    assert SMALL.streams == {"pointcloud": x.shape[1]}
    assert [group.count for group in SMALL.channels] == [3, 36]
    assert x.isfinite().all()
    assert x[:, :3].norm(dim=-1).max() <= 1 + 1e-6


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 0.25, 1e5, 1e90])
@pytest.mark.parametrize("offset", [(0, 0, 0), (3, -2, 9), (4.3e5, 5.1e6, 200)])
def test_scale_and_position_do_not_change_the_byte_array(scale, offset):
    points = some_points()
    moved = points * scale + np.asarray(offset) * scale
    torch.testing.assert_close(
        elements_of(SMALL, moved), elements_of(SMALL, points), rtol=0, atol=2e-5
    )


def test_a_small_shape_far_from_the_origin_keeps_its_shape():
    points = some_points()
    moved = points + np.array([4.3e5, 5.1e6, 200])
    found, expected = elements_of(SMALL, moved), elements_of(SMALL, points)
    torch.testing.assert_close(found[:, :3], expected[:, :3], rtol=0, atol=1e-6)


def test_turning_a_shape_changes_the_byte_array():
    points = some_points()
    turned = elements_of(SMALL, points[:, [1, 2, 0]])
    assert (turned - elements_of(SMALL, points)).abs().max() > 0.1


def test_all_points_stand_in_the_middle_and_the_farthest_at_one():
    x = elements_of(SMALL, some_points(64))[:, :3]
    assert x.mean(0).abs().max() < 1e-6
    assert x.norm(dim=-1).max() == pytest.approx(1, abs=1e-6)


def test_fewer_points_are_all_used_and_more_are_drawn_without_repeats():
    few = sample_indices(10, 64)
    assert len(few) == 64
    assert few[:10].tolist() == list(range(10))
    assert few.max() < 10
    many = sample_indices(1000, 64)
    assert len(set(many.tolist())) == 64
    assert many.max() > 500
    assert (sample_indices(1000, 64) == many).all()
    assert (sample_indices(1000, 64, seed=1) != many).any()
    assert sorted(sample_indices(64, 64).tolist()) == list(range(64))


def test_identical_points_are_finite():
    assert elements_of(SMALL, np.ones((9, 3))).isfinite().all()


@pytest.mark.parametrize("have", [40, 64, 300])
def test_a_point_leads_back_to_a_box_in_the_files_coordinates(have):
    points = some_points(have) * 7 + (100, -50, 3)
    window = windows_of(SMALL, cloud(points))[0]
    for element in (0, 11, 63):
        mass = np.zeros(64)
        mass[element] = 1
        ((found,),) = SMALL.focus("pointcloud", mass[None], window)
        own = points[sample_indices(have, 64)[element]]
        assert found.mass == 1
        assert (np.asarray(found.where["min"]) <= own + 1e-3).all()
        assert (own - 1e-3 <= np.asarray(found.where["max"])).all()
        # An octant about the middle: the box does not cross it.
        centre = points.mean(0)
        low, high = np.asarray(found.where["min"]), np.asarray(found.where["max"])
        assert ((high <= centre + 1e-3) | (low >= centre - 1e-3)).all()


def test_octants_come_heaviest_first():
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    adapter = PointCloudAdapter(PointCloudRecipe(points=8))
    window = windows_of(adapter, cloud(corners * 5 + 10))[0]
    points = window.arrays["pointcloud"]
    mass = np.zeros(8)
    for weight, corner in (
        (0.5, (1, -1, 1)),
        (0.3, (-1, -1, -1)),
        (0.15, (1, 1, 1)),
        (0.05, (1, 1, -1)),
    ):
        mass[(points * corner > 0).all(1)] = weight
    found = adapter.focus("pointcloud", mass[None], window)[0]
    assert [f.mass for f in found] == [0.5, 0.3, 0.15]
    assert found[0].where == {"min": [15, 5, 15], "max": [15, 5, 15]}
    assert found[1].where == {"min": [5, 5, 5], "max": [5, 5, 5]}


@pytest.mark.parametrize("size", [1e-200, 1e-3, 1e60])
def test_boxes_have_the_size_of_the_shape(size):
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    adapter = PointCloudAdapter(PointCloudRecipe(points=8))
    window = windows_of(adapter, cloud(corners * size))[0]
    ((found,),) = adapter.focus("pointcloud", np.eye(8)[:1], window)
    assert np.abs(found.where["min"]) == pytest.approx([size] * 3, rel=1e-3)
    assert found.where["min"] == found.where["max"]
