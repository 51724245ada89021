"""Shapes: sampled evenly, placed by their transforms, turned so that z is up."""

from unittest import mock

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.errors import InputError
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.sampling import sample_cloud, sample_surface
from perceiver_cli.media.shapes.obj import read_obj
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.pointcloud import PointCloudPreparation, PointCloudRecipe
from tests import samples


def load(path, format=None, points=2000, seed=0):
    return load_points(Source(str(path)), format or path.suffix[1:], points, seed)


def from_text(text, format, points=100):
    return load_points(Source("-", text.encode()), format, points)


def refusal(text, format):
    with pytest.raises(InputError) as caught:
        from_text(text, format)
    return caught.value


def extent(cloud):
    return cloud.points.max(0) - cloud.points.min(0)


@pytest.mark.parametrize(
    ("name", "options", "vertices"),
    [
        ("a.ply", {}, 8),
        ("b.ply", {"encoding": "ascii"}, 8),
        ("a.stl", {}, 36),
        ("b.stl", {"file_type": "stl_ascii"}, 36),
        ("a.off", {}, 8),
        ("a.obj", {}, 8),
        ("a.glb", {}, 8),
    ],
)
def test_meshes(tmp_path, name, options, vertices):
    cloud = load(samples.make_mesh(tmp_path / name, **options))
    assert cloud.points.shape == (2000, 3)
    assert cloud.points.dtype == np.float64
    assert (cloud.kind, cloud.vertices, cloud.faces) == ("mesh", vertices, 12)
    y_up = name in ("a.obj", "a.glb")
    assert cloud.up == ("y" if y_up else "z")
    assert extent(cloud) == pytest.approx((1, 3, 2) if y_up else (1, 2, 3), abs=0.01)
    # The record speaks of the file's own axes.
    assert cloud.describe()["extent"] == pytest.approx((1, 2, 3), abs=0.01)


def test_y_up_is_turned_not_mirrored():
    text = "v 0 0 0\nv 1 0 0\nv 0 2 0\nv 0 0 3\n"
    points = from_text(text, "obj").points
    assert points.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 2], [0, -3, 0]]


def test_samples_are_uniform_by_area(tmp_path):
    # One side of the box is split into many small triangles: it must not draw more points.
    box = trimesh.creation.box((1, 1, 1))
    top = np.flatnonzero(box.face_normals[:, 2] > 0.5)
    for _ in range(4):
        top = np.flatnonzero(trimesh.triangles.normals(box.triangles)[0][:, 2] > 0.5)
        box = box.subdivide(top)
    box.export(tmp_path / "a.ply")
    points = load(tmp_path / "a.ply", points=6000).points
    assert np.mean(points[:, 2] > 0.4999) == pytest.approx(1 / 6, abs=0.02)
    assert np.mean(points[:, 2] < -0.4999) == pytest.approx(1 / 6, abs=0.02)


@given(st.lists(st.floats(-10, 10), min_size=9, max_size=9), st.floats(-30, 30))
@settings(max_examples=50, deadline=None)
def test_samples_lie_in_their_triangle(corners, scale):
    triangle = np.array(corners).reshape(3, 3)
    if np.linalg.norm(np.cross(triangle[1] - triangle[0], triangle[2] - triangle[0])) < 1e-3:
        return
    points, _ = sample_surface(
        triangle * 10.0**scale, np.array([[0, 1, 2]]), 20, np.random.default_rng(0)
    )
    points = points / 10.0**scale
    # Barycentric coordinates: they add up to 1 and are not negative inside.
    system = np.vstack([triangle.T, np.ones(3)])
    target = np.vstack([points.T, np.ones(20)])
    weights = np.linalg.lstsq(system, target, rcond=None)[0]
    assert np.allclose(system @ weights, target, atol=1e-6)
    assert weights.min() > -1e-5


def test_seed(tmp_path):
    path = samples.make_mesh(tmp_path / "a.ply")
    assert np.array_equal(load(path, seed=1).points, load(path, seed=1).points)
    assert not np.array_equal(load(path, seed=1).points, load(path, seed=2).points)


def test_scene_parts_keep_their_transforms(tmp_path):
    scene = trimesh.Scene()
    box = trimesh.creation.box((1, 1, 1))
    scene.add_geometry(box)
    moved = np.diag([2.0, 2.0, 2.0, 1.0])
    moved[:3, 3] = (10, 0, 0)
    scene.add_geometry(box, transform=moved)
    scene.export(tmp_path / "a.glb")
    cloud = load(tmp_path / "a.glb", points=5000)
    assert cloud.faces == 24
    assert cloud.points[:, 0].max() == pytest.approx(11, abs=0.01)
    # The larger box has four times the area.
    assert np.mean(cloud.points[:, 0] > 5) == pytest.approx(0.8, abs=0.03)


def test_colours_and_normals_are_dropped(tmp_path):
    points = samples.cloud_array()
    colours = np.full((500, 4), 255, np.uint8)
    trimesh.PointCloud(points, colors=colours).export(tmp_path / "a.ply")
    cloud = load(tmp_path / "a.ply")
    assert (cloud.kind, cloud.faces, cloud.vertices) == ("cloud", 0, 500)
    assert cloud.points == pytest.approx(points, abs=1e-6)


@pytest.mark.parametrize("separator", [" ", ",", "\t", ";", ", "])
@pytest.mark.parametrize("header", ["", "x,y,z,r"])
def test_text(tmp_path, separator, header):
    header = header.replace(",", separator)
    path = samples.make_text_cloud(tmp_path / "a", 500, separator, header, extra=1)
    assert load(path, "xyz").points == pytest.approx(samples.cloud_array(), abs=1e-6)


def test_named_columns_in_another_order():
    rows = "".join(f"{i},{i + 1},car,{i + 2},{i + 3}\n" for i in range(9))
    points = from_text("id,Z,label,X (m),pos_y\n" + rows, "xyz").points
    assert points[0].tolist() == [2, 3, 1]
    assert from_text("//X Y Z\n" + "1 2 3\n4 5 6\n7 8 9\n0 1 2\n", "xyz").points.shape == (4, 3)


def test_decimal_commas_counts_comments_and_rubbish():
    lines = ["5", "# comment", "0,5;1;2", "1,5;1;2", "2,5;1;3", "3,5;1;2"]
    points = from_text("\n".join(lines), "xyz").points
    assert points[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    good = "".join(f"{i} 0 {i * i}\n" for i in range(300))
    assert len(from_text(good + "the end\n1 2", "xyz").points) == 300


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings(encoding):
    content = "x y z\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n".encode(encoding)
    assert load_points(Source("-", content), "xyz", 10).points.sum() == 3


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
def test_arrays(tmp_path, dtype):
    array = (samples.cloud_array() * 100).astype(dtype)
    np.save(tmp_path / "a.npy", np.hstack([array, array]))
    np.savez_compressed(tmp_path / "a.npz", points=array, label=np.ones(1))
    assert np.array_equal(load(tmp_path / "a.npy").points, array.astype(np.float64))
    assert np.array_equal(load(tmp_path / "a.npz").points, array.astype(np.float64))


def test_large_clouds_are_thinned_evenly(tmp_path):
    np.save(tmp_path / "a.npy", samples.cloud_array(50_000))
    cloud = load(tmp_path / "a.npy", points=100)
    assert cloud.points.shape == (20_000, 3)
    assert cloud.vertices == 50_000
    assert cloud.points.mean(0) == pytest.approx((0.5, 1, 1.5), abs=0.05)
    assert load(tmp_path / "a.npy", points=6000).points.shape == (24_000, 3)


def test_thinning_passes_over_what_is_not_finite(monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.sampling.BLOCK_ROWS", 7)
    points = np.arange(300.0).reshape(100, 3)
    points[::4, 1] = np.nan
    kept = points[np.isfinite(points).all(1)]
    every, usable, left_out = sample_cloud(points, 1000, np.random.default_rng(0))
    assert every.tolist() == kept.tolist()
    assert usable == 75
    assert left_out == ("25 of 100 points have no finite coordinates; left out",)
    _, _, left_out = sample_cloud(points[:4], 1000, np.random.default_rng(0))
    assert left_out == ("1 of 4 points has no finite coordinates; left out",)
    some, usable, _ = sample_cloud(points, 30, np.random.default_rng(0))
    expected = np.sort(np.random.default_rng(0).choice(75, 30, replace=False))
    assert some.tolist() == kept[expected].tolist()
    assert usable == 75


def test_distant_shapes_keep_their_detail(tmp_path):
    far = samples.cloud_array() * 0.01 + (5e6, 4e5, 0)
    np.save(tmp_path / "a.npy", far)
    assert np.array_equal(load(tmp_path / "a.npy").points, far)


@pytest.mark.parametrize(
    ("width", "offset", "dtype", "step"),
    [
        (2, 1e9, "f4", "float32 has steps of 64"),
        (400, 1e9, "f4", "float32 has steps of 64"),
        (2, 1e16, "f8", "float64 has steps of 2"),
        (2, 9e18, "i8", "float64 has steps of 1024"),
        (5000, 1e9, "f4", None),
        (2, 1e9, "f8", None),
        (2, 5e4, "f4", None),
        (0, 3.0, "f4", None),
    ],
)
def test_shapes_so_distant_that_they_are_lost_have_a_note(tmp_path, width, offset, dtype, step):
    points = samples.cloud_array() / 3 * width
    np.save(tmp_path / "a.npy", (points + offset).astype(dtype))
    told = () if step is None else (f"too far from the origin for its precision: {step} there",)
    assert load(tmp_path / "a.npy").notes == told


@pytest.mark.parametrize(
    ("count", "distance", "told"),
    [
        (1, 1e30, "1 outlying point dwarfs"),
        (3, 1e5, "3 outlying points dwarf"),
        (1, 100, None),
        (20, 1e30, None),
    ],
)
def test_a_few_points_that_lie_far_out_have_a_note(tmp_path, count, distance, told):
    points = samples.cloud_array()
    points[:count] *= distance
    np.save(tmp_path / "a.npy", points)
    notes = (f"{told} the rest of the shape",) if told else ()
    assert load(tmp_path / "a.npy").notes == notes


def test_huge_coordinates_are_left_out(tmp_path):
    unit = samples.cloud_array()
    np.save(tmp_path / "a.npy", np.concatenate([unit, unit[:9] * 1e200]))
    cloud = load(tmp_path / "a.npy")
    assert np.array_equal(cloud.points, unit)
    told = "9 of 509 points have no finite coordinates below 1e100; left out"
    assert cloud.notes == (told,)
    assert cloud.describe()["vertices"] == 500
    np.save(tmp_path / "b.npy", 1 + unit * 1e200)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "b.npy")
    assert caught.value.message == "no point of the cloud has finite coordinates below 1e100"
    corners = "0 0 0\n0 1e200 0\n1e200 0 0\n"
    with pytest.raises(InputError) as caught:
        from_text(f"OFF\n3 1 0\n{corners}3 0 1 2\n", "off")
    told = "every face has a vertex without finite coordinates below 1e100"
    assert caught.value.message == told
    # Two vertices of this face coincide, so that it has no area.
    line = from_text(f"OFF\n4 2 0\n{corners}1 1 1\n3 0 3 3\n3 1 1 1\n", "off")
    assert line.points.tolist() == [[0, 0, 0], [1, 1, 1]]
    told = "1 of 2 faces has a vertex without finite coordinates below 1e100; left out"
    assert line.notes == (told,)


def test_faces_with_a_vertex_that_is_no_number_are_left_out():
    corners = "0 0 0\n1 0 0\n0 1 0\nnan 0 0\n"
    mesh = from_text(f"OFF\n4 2 0\n{corners}3 0 1 2\n3 1 2 3\n", "off")
    told = "1 of 2 faces has a vertex without finite coordinates; left out"
    assert mesh.notes == (told,)
    assert mesh.points.max() <= 1
    with pytest.raises(InputError) as caught:
        from_text(f"OFF\n4 1 0\n{corners}3 1 2 3\n", "off")
    assert caught.value.message == "every face has a vertex without finite coordinates"


@pytest.mark.parametrize("scale", [1e-30, 1e-5, 1e5, 1e90])
def test_scales(scale):
    corners = "".join(
        f"{x * scale!r} {y * scale!r} 0\n" for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))
    )
    cloud = from_text(f"OFF\n4 2 0\n{corners}3 0 1 2\n3 1 2 3\n", "off", 2000)
    assert extent(cloud)[:2] / scale == pytest.approx(1, abs=0.02)


def test_a_tetrahedron_has_an_extent():
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"
    preparation = PointCloudPreparation(PointCloudRecipe(points=50))
    (window,) = preparation.windows(preparation.load(Source("a", text.encode()), "obj"))
    assert window.signal == "present"


def test_rows_that_are_not_finite_are_left_out(tmp_path):
    array = samples.cloud_array()
    array[:20, 1] = np.nan
    array[20, 0] = np.inf
    np.save(tmp_path / "a.npy", array)
    assert len(load(tmp_path / "a.npy").points) == 479
    mesh = "v nan 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 2 3 4\n"
    assert np.isfinite(from_text(mesh, "obj").points).all()


@pytest.mark.parametrize(
    ("text", "faces"),
    [
        ("OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n", 2),
        ("OFF # a comment\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", 1),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2 255 0 0\n", 1),
    ],
)
def test_other_off_files_are_read_too(text, faces):
    assert from_text(text, "off").faces == faces


def test_off_header_on_one_line():
    text = "OFF4 1 0\n0 0 0\n1 0 0\n0 1 0\n1 1 0\n4 0 1 3 2\n"
    assert from_text(text, "off").faces == 2


def test_other_files_are_not_read(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("mtllib ../b.mtl\nusemtl m\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with path.open("rb") as stream, mock.patch("builtins.open") as opened:
        assert len(read_obj(stream).faces) == 1
    opened.assert_not_called()


@pytest.mark.parametrize(
    ("text", "format", "kind"),
    [
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n", "off", "corrupt"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "off", "corrupt"),
        ("OFF\n0 0 0\n", "off", "empty"),
        ("v nan 0 0\nv nan 0 0\nv nan 1 0\nf 1 2 3\n", "obj", "corrupt"),
        ("nan nan nan\n" * 9, "xyz", "corrupt"),
    ],
)
def test_shapes_without_a_shape(text, format, kind):
    assert refusal(text, format).kind == kind


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n", "off"),
        ("OFF\n3 1 0\n0 0 0.3\n1 0 0\n0 7 0\n3 0 1 2\n", "off"),
        ("v 0 0 0.3\nv 1 0 0\nv 0 1 0\nv 0 0 0.3\nv 0 1 0\nv 1 0 0\nf 1 2 3\nf 4 5 6\n", "obj"),
        ("1 2 3\n1 2 3\n1 2 3\n1 2 4\n", "xyz"),
        ("1 2 3\n", "xyz"),
    ],
)
def test_a_point_a_line_or_a_polygon_is_loaded_and_has_no_extent(text, format):
    preparation = PointCloudPreparation(PointCloudRecipe(points=50))
    (window,) = preparation.windows(preparation.load(Source("a", text.encode()), format))
    assert window.signal == "no_extent"


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.ply", {}), ("a.glb", {}), ("a.off", {}), ("a.ply", {"encoding": "ascii"})],
)
def test_cut_off(tmp_path, name, options, capfd):
    path = samples.make_mesh(tmp_path / name, **options)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind == "corrupt"
    assert str(tmp_path) not in caught.value.message
    assert capfd.readouterr().err == ""


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.pointcloud.MAX_SHAPE_BYTES", 50)
    with pytest.raises(InputError) as caught:
        load(samples.make_mesh(tmp_path / "a.ply"))
    assert caught.value.kind == "too_large"
