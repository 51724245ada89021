"""PTX: several scans, each with its matrix, and directions without a point."""

import numpy as np
import pytest

from tests.media.shapes.reading import counts, read, refusal

POINTS = np.random.default_rng(0).uniform(-1, 1, (60, 3)).round(4)


def scan(points=POINTS, rows="1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", rest=" 0.5", size=(10, 6)):
    head = f"{size[0]}\n{size[1]}\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n{rows}"
    return head + "".join(" ".join(map(str, point)) + rest + "\n" for point in points)


@pytest.mark.parametrize("rest", [" 0.5", " 0.5 10 20 255"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_scan(rest, end):
    cloud = read(scan(rest=rest).replace("\n", end).encode())
    assert counts(cloud) == ("cloud", 60, 0)
    assert cloud.points == pytest.approx(POINTS)


def test_scans_stand_where_their_matrices_put_them():
    turned = "0 1 0 0\n-1 0 0 0\n0 0 1 0\n100 0 0 1\n"
    cloud = read((scan() + scan(rows=turned)).encode())
    assert cloud.points[:60] == pytest.approx(POINTS)
    x, y, z = POINTS.T
    assert cloud.points[60:] == pytest.approx(np.stack([100 - y, x, z], 1))


def test_directions_without_a_point():
    points = POINTS.copy()
    points[::2] = 0
    cloud = read(scan(points).encode())
    assert (cloud.vertices, cloud.notes) == (30, ())


def test_cut_off():
    assert refusal(scan()[:-40].encode()).kind == "corrupt"
