"""NumPy arrays: clouds and pictures told apart, and what could be either refused."""

import io
import tracemalloc

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.arrays import choose_array
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source
from tests.media.shapes.reading import FACES, VERTICES

rng = np.random.default_rng(0)


def npy(array, wanted=None):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return Source("a.npy", buffer.getvalue(), wanted)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return Source("a.npz", buffer.getvalue())


def floats(*shape, low=-1.0, high=1.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def integers(*shape, dtype=np.uint8, high=256):
    return rng.integers(0, high, shape).astype(dtype)


CLOUDS = {
    "xyz": floats(500, 3),
    "doubles": floats(500, 3).astype(np.float64),
    "halves": floats(500, 3).astype(np.float16),
    "big endian": floats(500, 3).astype(">f4"),
    "columns first in memory": np.asfortranarray(floats(500, 3)),
    "intensity": floats(500, 4),
    "colours": floats(500, 6),
    "whole numbers": integers(500, 3, dtype=np.int32, high=1000),
    "16 bits": integers(500, 3, dtype=np.uint16, high=1000),
    "batch of one": floats(1, 500, 3),
    "batch of one with colours": floats(1, 500, 6, low=0),
}


@pytest.mark.parametrize("array", CLOUDS.values(), ids=list(CLOUDS))
def test_clouds(array):
    source = npy(array)
    assert detect(source).modality == "pointcloud"
    cloud = load_points(source, "npy", 100)
    assert cloud.points == pytest.approx(array.reshape(500, -1)[:, :3].astype(np.float64))


def test_structured_clouds():
    kind = [("X", "<f4"), ("Y", "<f4"), ("Z", "<f8"), ("intensity", "u1")]
    array = np.zeros((4, 50), kind)
    for name in "XYZ":
        array[name] = floats(4, 50)
    points = load_points(npy(array), "npy", 100).points
    assert points == pytest.approx(np.stack([array[n].reshape(-1) for n in "XYZ"], 1))


def test_structured_clouds_are_measured_by_what_is_read_of_them(monkeypatch):
    array = np.zeros(100, [("x", "u1"), ("y", "u1"), ("z", "<f8")])
    array["z"] = np.arange(100)
    assert load_points(npy(array), "npy", 100).vertices == 100
    monkeypatch.setattr("perceiver_cli.media.arrays.MAX_ARRAY_BYTES", 2399)
    with pytest.raises(InputError, match="PERCEIVER_MAX_ARRAY_BYTES") as caught:
        load_points(npy(array), "npy", 100)
    assert caught.value.kind == "too_large"
    with pytest.raises(InputError) as caught:
        load_points(Source("a.npy", npy(array[:50]).data[:-1]), "npy", 100)
    assert caught.value.kind == "corrupt"


PICTURES = {
    "8 bits": integers(48, 64, 3),
    "alpha": integers(48, 64, 4),
    "grey": integers(48, 64),
    "one channel": integers(48, 64, 1),
    "16 bits grey": integers(48, 64, dtype=np.uint16),
    "fractions": floats(48, 64, 3, low=0),
    "floats to 255": floats(48, 64, 3, low=0, high=255),
    "narrow": integers(400, 8, 3),
}


@pytest.mark.parametrize("array", PICTURES.values(), ids=list(PICTURES))
def test_pictures(array):
    source = npy(array)
    assert detect(source).modality == "image"
    assert load_picture(source, "npy", None).pixels.shape == (*array.shape[:2], 3)


REFUSED = {
    "8-bit rows of three": (integers(500, 3), "--modality"),
    "8-bit rows of four": (integers(500, 4), "--modality"),
    "8-bit batch of one": (integers(1, 500, 3), "--modality"),
    "one row of fractions": (floats(1, 500, 3, low=0), "--modality"),
    "batch": (floats(8, 500, 3), "a batch of 8 clouds"),
    "batch of fractions": (floats(7, 500, 3, low=0), "a batch of 7 clouds"),
    "batch with colours": (floats(8, 500, 6), "a batch of 8 clouds"),
    "normalised picture": (floats(48, 64, 3), "--modality"),
    "channels first": (floats(3, 48, 64), "channels of a picture come last"),
    "coordinates first": (floats(3, 500), "[500, 3]"),
    "embeddings": (floats(500, 128), "points are [N, 3]"),
    "narrow embeddings": (floats(500, 8), "--modality"),
    "embeddings in the plane": (floats(500, 2), "sample rate"),
    "matrix": (np.eye(4), "points are [N, 3]"),
    "rotation": (np.eye(3), "points are [N, 3]"),
    "pictures": (integers(8, 48, 64, 3), "a batch or video"),
    "grid": (np.zeros((32, 32, 32), bool), "neither picture nor points"),
    "samples": (floats(500), "sample rate"),
    "one point": (floats(1, 3), "which may be points or something else; say which with --modality"),
    "two points": (floats(2, 6), "which may be points or something else"),
    "short stereo": (floats(2, 8), "sample rate"),
    "a number": (np.array(0.5), "a single number: save one picture [height, width, 3] or cloud"),
    "fields without axes": (np.zeros(9, [("a", "f4"), ("b", "f4")]), "neither"),
}


@pytest.mark.parametrize(("array", "says"), REFUSED.values(), ids=list(REFUSED))
def test_refused(array, says):
    with pytest.raises(InputError) as caught:
        detect(npy(array))
    assert caught.value.kind == "unsupported"
    assert says in caught.value.message


def test_what_the_caller_says_it_is():
    for array in (integers(500, 3), integers(1, 500, 3), floats(500, 8), floats(500, 128)):
        source = npy(array, "pointcloud")
        assert detect(source).modality == "pointcloud"
        expected = array.reshape(500, -1)[:, :3].astype(np.float64)
        assert load_points(source, "npy", 100).points == pytest.approx(expected)
    for array in (integers(500, 3), floats(48, 64, 3), floats(48, 64)):
        source = npy(array, "image")
        assert detect(source).modality == "image"
        assert load_picture(source, "npy", None).pixels.shape == (*array.shape[:2], 3)
    with pytest.raises(InputError):
        detect(npy(floats(500, 2), "pointcloud"))


def test_a_classifier_passes_on_what_the_caller_says(bundle, tmp_path):
    from perceiver_cli import Classifier

    np.save(tmp_path / "a.npy", integers(500, 3))
    refused = Classifier(attention=False).classify(tmp_path / "a.npy")
    assert refused.error.kind == "unsupported"
    assert Classifier(modality="pointcloud", attention=False).classify(tmp_path / "a.npy").ok


def test_archives():
    source = npz(points=floats(500, 3), labels=integers(500))
    assert choose_array(source, "npz")[1].name == "points"
    source = npz(image=integers(48, 64, 3), embedding=floats(500, 128))
    assert detect(source).modality == "image"
    assert detect(npz(batch=floats(1, 500, 3))).modality == "pointcloud"


@pytest.mark.parametrize("kind", [np.int32, np.uint64])
@pytest.mark.parametrize("names", [("vertices", "faces"), ("v", "f")])
def test_a_mesh_in_an_archive(names, kind):
    faces = np.append(FACES, [[0, 1, 9999]], axis=0).astype(kind)
    source = npz(**dict(zip(names, (VERTICES, faces), strict=True)))
    assert detect(source).modality == "pointcloud"
    cloud = load_points(source, "npz", 500)
    assert (cloud.kind, cloud.vertices, cloud.faces) == ("mesh", len(VERTICES), len(FACES))
    assert len(cloud.points) == 500
    told = f"1 of {len(faces)} faces names vertices that do not exist; left out"
    assert cloud.notes == (told,)


def test_an_archive_without_triangles_is_a_cloud():
    source = npz(vertices=floats(500, 3), faces=np.zeros((0, 3), np.int32))
    assert load_points(source, detect(source).format, 500).kind == "cloud"
    source = npz(xyz=floats(500, 3), v=floats(500, 3), f=np.full((500, 3), 9999))
    assert load_points(source, "npz", 100).vertices == 500
    source = npz(vertices=floats(500, 3), faces=floats(500, 3))
    assert load_points(source, detect(source).format, 500).kind == "cloud"


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_off(share):
    whole = npy(floats(1, 500, 3)).data
    source = Source("a.npy", whole[: round(share * len(whole))])
    with pytest.raises(InputError) as caught:
        load_points(source, detect(source).format, 100)
    assert caught.value.kind == "corrupt"


def peak_of(call):
    """(what the call returns, the most bytes it held at a time)"""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_array_in_column_order_is_read_without_a_copy_of_it():
    array = np.asfortranarray(floats(600, 1000, 3, low=0).astype(np.float32))
    source = npy(array)
    picture, peak = peak_of(lambda: load_picture(source, "npy"))
    assert np.array_equal(picture.pixels, load_picture(npy(array.copy("C")), "npy").pixels)
    # The array, a byte for each of its numbers in both orders, and a million of them at a time.
    assert peak < array.nbytes + 2 * array.size + 24 * 2**20


def test_fields_that_lie_evenly_are_read_without_a_copy_of_them():
    array = np.zeros(2**20, np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("t", "<u1")]))
    for name in "xyz":
        array[name] = rng.random(len(array))
    source = npy(array)
    cloud, peak = peak_of(lambda: load_points(source, "npy", 64))
    assert cloud.vertices == len(array)
    assert cloud.points.max() <= 1
    assert peak < array.nbytes + 16 * 2**20
