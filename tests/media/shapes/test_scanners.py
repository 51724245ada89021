"""Shapes as the programs of scanners and phones write them, with more than their points."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import PointCloud
from tests import samples

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 2) for z in (0, 3)], np.float64)
POINTS = CORNERS[np.arange(400) % 8]


def loaded(content: bytes, name: str) -> PointCloud:
    source = Source(name, content)
    detection = detect(source)
    assert detection.modality == "pointcloud"
    return load_points(source, detection.format, 512)


def test_a_gaussian_splat():
    names = [*"xyz", "nx", "ny", "nz", *(f"f_dc_{i}" for i in range(3))]
    names += [*(f"f_rest_{i}" for i in range(45)), "opacity"]
    names += [*(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]
    rows = np.random.default_rng(0).normal(size=(400, len(names))).astype("<f4")
    rows[:, :3] = POINTS
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 400\n"
    head += "".join(f"property float {name}\n" for name in names) + "end_header\n"
    cloud = loaded(head.encode() + rows.tobytes(), "point_cloud.ply")
    assert (cloud.kind, cloud.notes) == ("cloud", ())
    assert (cloud.points == POINTS).all()


@pytest.mark.parametrize(
    ("title", "line", "name"),
    [
        ("X;Y;Z;R;G;B;Intensity\n", "{:.3f};{:.3f};{:.3f};10;20;30;5\n", "a.xyz"),
        ("X;Y;Z\n", "{:.3f};{:.3f};{:.3f}\n", "a.csv"),
        ("400\n", "{:.6f} {:.6f} {:.6f} 120 10 20 30\n", "a.pts"),
        ("//X Y Z R G B Scalar_field\n", "{:.6f} {:.6f} {:.6f} 1 2 3 0.5\n", "a.txt"),
        ("# easting northing height\n", "{:.3f} {:.3f} {:.3f}\n", "a.asc"),
        ("", "v {:.6f} {:.6f} {:.6f} 0.5 0.25 1.0\n", "a.obj"),
    ],
)
def test_texts(title, line, name):
    content = title + "".join(line.format(*point) for point in POINTS)
    cloud = loaded(content.encode(), name)
    assert (cloud.kind, cloud.vertices, cloud.notes) == ("cloud", 400, ())
    up = cloud.points if cloud.up == "z" else cloud.points[:, [0, 2, 1]] * (1, 1, -1)
    assert up == pytest.approx(POINTS)


def test_an_obj_with_colours_and_textures():
    lines = "mtllib scan.mtl\n" + "".join("v {} {} {} 0.1 0.2 0.3\n".format(*c) for c in CORNERS)
    lines += "vt 0 0\nvt 1 0\nvt 1 1\nvn 0 0 1\nusemtl scan\n"
    lines += "f 1/1/1 2/2/1 4/3/1 3/1/1\nf 5/1/1 6/2/1 8/3/1 7/1/1\n"
    mesh = loaded(lines.encode(), "scan.obj")
    assert (mesh.kind, mesh.vertices, mesh.faces) == ("mesh", 8, 4)
    assert set(mesh.points[:, 0]) == {0, 1}


def test_a_glb_of_a_phone():
    """With a texture, a material without light and a node that is turned upright."""
    buffer = io.BytesIO()
    Image.fromarray(samples.picture_array()).save(buffer, "JPEG")
    parts = [
        CORNERS.astype("<f4").tobytes(),
        np.array([0, 1, 3, 4, 5, 7], "<u2").tobytes(),
        buffer.getvalue(),
    ]
    parts = [part + bytes(-len(part) % 4) for part in parts]
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    views = [
        {"buffer": 0, "byteOffset": start, "byteLength": len(part)}
        for start, part in zip(starts, parts, strict=False)
    ]
    primitive = {"attributes": {"POSITION": 0}, "indices": 1, "material": 0}
    scene = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "matrix": [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]}],
        "meshes": [{"primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 2, "mimeType": "image/jpeg"}],
        "buffers": [{"byteLength": starts[-1]}],
        "bufferViews": views,
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 8, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
    }
    text = json.dumps(scene).encode()
    chunks = [(b"JSON", text + b" " * (-len(text) % 4)), (b"BIN\0", b"".join(parts))]
    body = b"".join(struct.pack("<I4s", len(part), kind) + part for kind, part in chunks)
    mesh = loaded(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body, "Scan.glb")
    assert (mesh.kind, mesh.vertices, mesh.faces, mesh.up) == ("mesh", 8, 2, "y")
    # The matrix and the turn to z up cancel each other.
    assert set(mesh.points[:, 0]) == {0, 1}
    assert mesh.points.max(0)[1:] == pytest.approx((2, 3), abs=0.4)
