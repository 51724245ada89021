"""glTF: where nodes put meshes, how accessors store them, and where their bytes are."""

import base64
import json
import struct

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source
from tests.media.shapes.reading import (
    FACES,
    SPHERE,
    VERTICES,
    check_sphere,
    counts,
    extent,
    read,
    refusal,
)

COMPONENTS = {"i1": 5120, "u1": 5121, "<i2": 5122, "<u2": 5123, "<u4": 5125, "<f4": 5126}
WIDTHS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


class Document:
    """A glTF under construction; everything goes into one buffer."""

    def __init__(self, **rest):
        self.bytes = b""
        self.tree = {
            "asset": {"version": "2.0"},
            "accessors": [],
            "bufferViews": [],
            "meshes": [],
            "nodes": [],
            **rest,
        }

    def view(self, content, **rest):
        self.bytes += bytes(-len(self.bytes) % 4)
        view = {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(content), **rest}
        self.tree["bufferViews"].append(view)
        self.bytes += content
        return len(self.tree["bufferViews"]) - 1

    def accessor(self, array, kind, stride=None, **rest):
        array = np.asarray(array).astype(kind)
        array = array.reshape(len(array), -1)
        content, options = array.tobytes(), {}
        if stride:
            content = b"".join(row.tobytes().ljust(stride, b"\xee") for row in array)
            options = {"byteStride": stride}
        self.tree["accessors"].append(
            {
                "bufferView": self.view(content, **options),
                "componentType": COMPONENTS[kind],
                "count": len(array),
                "type": WIDTHS[array.shape[1]],
                **rest,
            }
        )
        return len(self.tree["accessors"]) - 1

    def mesh(self, positions, indices=None, mode=None, attributes=None, **rest):
        primitive = {"attributes": {"POSITION": positions, **(attributes or {})}}
        if indices is not None:
            primitive["indices"] = indices
        if mode is not None:
            primitive["mode"] = mode
        self.tree["meshes"].append({"primitives": [primitive], **rest})
        return len(self.tree["meshes"]) - 1

    def sphere(self, kind="<u2"):
        return self.mesh(self.accessor(VERTICES, "<f4"), self.accessor(FACES.reshape(-1), kind))

    def node(self, **node):
        self.tree["nodes"].append(node)
        return len(self.tree["nodes"]) - 1

    def text(self, uri=None, **options):
        code = base64.b64encode(self.bytes).decode()
        uri = uri or f"data:application/octet-stream;base64,{code}"
        buffers = [{"byteLength": len(self.bytes), "uri": uri}]
        return json.dumps(self.tree | {"buffers": buffers}, **options).encode()

    def glb(self):
        tree = self.tree | {"buffers": [{"byteLength": len(self.bytes)}]}
        chunks = b""
        for kind, content, pad in (
            (0x4E4F534A, json.dumps(tree).encode(), b" "),
            (0x004E4942, self.bytes, b"\0"),
        ):
            content += pad * (-len(content) % 4)
            chunks += struct.pack("<II", len(content), kind) + content
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def sphere_document(**node):
    document = Document()
    document.node(mesh=document.sphere(), **node)
    return document


def box(cloud):
    """The lowest and highest corner in the file's own axes, y up."""
    points = cloud.points[:, [0, 2, 1]] * (1, 1, -1)
    return np.round(points.min(0), 1).tolist(), np.round(points.max(0), 1).tolist()


def test_what_trimesh_writes():
    cloud = read(SPHERE.export(file_type="glb"))
    check_sphere(cloud)
    assert cloud.up == "y"


def test_both_forms():
    check_sphere(read(sphere_document().glb()))
    check_sphere(read(sphere_document().text()))
    check_sphere(read(sphere_document().text(indent=2)))


@pytest.mark.parametrize("kind", ["u1", "<u2", "<u4"])
def test_indices(kind):
    document = Document()
    document.node(mesh=document.sphere(kind))
    check_sphere(read(document.glb()))


@pytest.mark.parametrize(
    ("mode", "order", "faces"),
    [
        (4, None, 2),
        (4, [0, 1, 2, 2, 1, 3], 2),
        (5, [0, 1, 2, 3], 2),
        (5, None, 4),
        (6, [0, 1, 3, 2], 2),
        (0, None, 0),
        (1, [0, 1, 2, 3], 0),
        (3, None, 0),
    ],
)
def test_modes(mode, order, faces):
    document = Document()
    corners = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [2, 1, 0], [2, 2, 1]]
    indices = None if order is None else document.accessor(order, "<u2")
    document.node(mesh=document.mesh(document.accessor(corners, "<f4"), indices, mode))
    assert counts(read(document.glb())) == ("mesh" if faces else "cloud", 6, faces)


def test_interleaved_values():
    document = Document()
    positions = document.accessor(VERTICES, "<f4", stride=32)
    indices = document.accessor(FACES.reshape(-1), "<u4", stride=None)
    document.node(mesh=document.mesh(positions, indices))
    check_sphere(read(document.glb()))


@pytest.mark.parametrize(
    ("kind", "largest", "normalized"),
    [
        *(("<i2", 32767, True), ("i1", 127, True), ("<u2", 65535, True), ("u1", 255, True)),
        *(("<i2", 1, False), ("<u2", 1, False)),
    ],
)
def test_quantized_positions(kind, largest, normalized):
    """Normalised integers are fractions; the node's scale and translation undo the rest."""
    signed = "i" in kind
    document = Document(extensionsRequired=["KHR_mesh_quantization"])
    unit = VERTICES if signed else (VERTICES + 1) / 2
    stored = np.round(unit * largest) if normalized else np.round((VERTICES + 1) * 1000)
    width = np.dtype(kind).itemsize
    positions = document.accessor(stored, kind, stride=4 * width, normalized=normalized)
    mesh = document.mesh(positions, document.accessor(FACES.reshape(-1), "<u2"))
    if not normalized:
        document.node(mesh=mesh, scale=[0.001] * 3, translation=[-1] * 3)
    elif signed:
        document.node(mesh=mesh)
    else:
        document.node(mesh=mesh, scale=[2] * 3, translation=[-1] * 3)
    cloud = read(document.glb())
    assert counts(cloud) == ("mesh", len(VERTICES), len(FACES))
    assert extent(cloud) == pytest.approx(2, abs=0.15)
    assert np.linalg.norm(cloud.points, axis=1).min() > 0.9


def test_sparse_accessors():
    document = Document()
    moved = VERTICES.copy()
    moved[:10] = 50
    positions = document.accessor(moved, "<f4")
    document.tree["accessors"][positions]["sparse"] = {
        "count": 10,
        "indices": {
            "bufferView": document.view(np.arange(10, dtype="<u2").tobytes()),
            "componentType": 5123,
        },
        "values": {"bufferView": document.view(VERTICES[:10].astype("<f4").tobytes())},
    }
    document.node(mesh=document.mesh(positions, document.accessor(FACES.reshape(-1), "<u2")))
    check_sphere(read(document.glb()))


def test_sparse_without_a_base():
    document = Document()
    positions = document.accessor(VERTICES, "<f4")
    accessor = document.tree["accessors"][positions]
    accessor["sparse"] = {
        "count": len(VERTICES),
        "indices": {
            "bufferView": document.view(np.arange(len(VERTICES), dtype="<u4").tobytes()),
            "componentType": 5125,
        },
        "values": {"bufferView": accessor.pop("bufferView")},
    }
    document.node(mesh=document.mesh(positions, document.accessor(FACES.reshape(-1), "<u2")))
    check_sphere(read(document.glb()))


TURN = [0, 0, 0.7071068, 0.7071068]  # x to y


@pytest.mark.parametrize(
    ("node", "low", "high"),
    [
        ({"translation": [10, 0, 0]}, [9, -1, -1], [11, 1, 1]),
        ({"scale": [1, 2, 3]}, [-1, -2, -3], [1, 2, 3]),
        ({"scale": [3, 1, 1], "rotation": TURN}, [-1, -3, -1], [1, 3, 1]),
        (
            {"scale": [3, 1, 1], "rotation": TURN, "translation": [0, 5, 0]},
            [-1, 2, -1],
            [1, 8, 1],
        ),
        ({"rotation": [v * 5 for v in TURN], "scale": [3, 1, 1]}, [-1, -3, -1], [1, 3, 1]),
        (
            {"matrix": [0, 3, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 0, 5, 0, 1]},
            [-1, 2, -1],
            [1, 8, 1],
        ),
    ],
)
def test_node_transforms(node, low, high):
    cloud = read(sphere_document(**node).glb(), points=20_000)
    assert np.allclose(box(cloud), (low, high), atol=0.21)


def test_children_stand_within_their_parents():
    document = Document()
    inner = document.node(mesh=document.sphere(), translation=[1, 0, 0])
    middle = document.node(children=[inner], rotation=TURN)
    document.node(children=[middle], scale=[2, 2, 2], translation=[0, 0, 7])
    document.tree["scenes"] = [{"nodes": [2]}]
    assert np.allclose(box(read(document.glb())), ([-2, 0, 5], [2, 4, 9]), atol=0.3)


def test_several_instances_of_one_mesh():
    document = Document()
    mesh = document.sphere()
    for at in (0, 10, 20):
        document.node(mesh=mesh, translation=[at, 0, 0])
    cloud = read(document.glb())
    assert counts(cloud) == ("mesh", 3 * len(VERTICES), 3 * len(FACES))
    assert np.allclose(box(cloud), ([-1, -1, -1], [21, 1, 1]), atol=0.2)


def test_the_default_scene_alone():
    document = Document(scene=1)
    mesh = document.sphere()
    document.node(mesh=mesh)
    document.node(mesh=mesh, translation=[10, 0, 0])
    document.tree["scenes"] = [{"nodes": [0]}, {"nodes": [1]}]
    assert np.allclose(box(read(document.glb())), ([9, -1, -1], [11, 1, 1]), atol=0.2)
    del document.tree["scene"]
    assert np.allclose(box(read(document.glb())), ([-1, -1, -1], [1, 1, 1]), atol=0.2)


def test_no_scenes_and_no_nodes():
    document = sphere_document()
    check_sphere(read(document.glb()))
    document.tree["nodes"] = []
    check_sphere(read(document.glb()))


def test_instances():
    document = Document(extensionsRequired=["EXT_mesh_gpu_instancing"])
    moves = document.accessor([[0, 0, 0], [10, 0, 0], [20, 0, 0]], "<f4")
    scales = document.accessor([[1, 1, 1], [1, 1, 1], [2, 2, 2]], "<f4")
    extension = {"attributes": {"TRANSLATION": moves, "SCALE": scales}}
    document.node(mesh=document.sphere(), extensions={"EXT_mesh_gpu_instancing": extension})
    cloud = read(document.glb())
    assert counts(cloud) == ("mesh", 3 * len(VERTICES), 3 * len(FACES))
    assert np.allclose(box(cloud), ([-1, -2, -2], [22, 2, 2]), atol=0.3)


def test_hidden_nodes():
    document = Document()
    mesh = document.sphere()
    document.node(mesh=mesh)
    document.node(
        mesh=mesh,
        translation=[9, 0, 0],
        extensions={"KHR_node_visibility": {"visible": False}},
    )
    check_sphere(read(document.glb()))


def test_skins_in_their_first_pose():
    """The node of a skinned mesh does not move it; its joints do."""
    document = Document()
    count = len(VERTICES)
    mesh = document.mesh(
        document.accessor(VERTICES, "<f4"),
        document.accessor(FACES.reshape(-1), "<u2"),
        attributes={
            "JOINTS_0": document.accessor(np.tile([1, 0, 0, 0], (count, 1)), "u1"),
            "WEIGHTS_0": document.accessor(
                np.tile([255, 0, 0, 0], (count, 1)), "u1", normalized=True
            ),
        },
    )
    inverse = np.tile(np.eye(4), (2, 1, 1))
    inverse[1, 3, :3] = (0, -2, 0)  # column-major
    bound = document.accessor(inverse.reshape(2, 16), "<f4")
    child = document.node(translation=[0, 2, 0])
    root = document.node(children=[child], translation=[5, 0, 0])
    document.node(mesh=mesh, skin=0, translation=[100, 0, 0])
    document.tree["skins"] = [{"joints": [root, child], "inverseBindMatrices": bound}]
    document.tree["scenes"] = [{"nodes": [1, 2]}]
    assert np.allclose(box(read(document.glb())), ([4, -1, -1], [6, 1, 1]), atol=0.2)


def test_morph_targets_at_their_weights():
    document = Document()
    mesh = document.sphere()
    target = document.accessor(np.tile([0.0, 10, 0], (len(VERTICES), 1)), "<f4")
    document.tree["meshes"][mesh]["primitives"][0]["targets"] = [{"POSITION": target}]
    document.node(mesh=mesh)
    check_sphere(read(document.glb()))
    document.tree["meshes"][mesh]["weights"] = [0.5]
    assert np.allclose(box(read(document.glb())), ([-1, 4, -1], [1, 6, 1]), atol=0.2)
    document.tree["nodes"][0]["weights"] = [1.0]
    assert np.allclose(box(read(document.glb())), ([-1, 9, -1], [1, 11, 1]), atol=0.2)


def test_the_word_that_tells_it_stands_behind_everything():
    document = sphere_document()
    document.tree["padding"] = "x" * 100_000
    document.tree["asset"] = document.tree.pop("asset")
    content = document.text()
    assert content.index(b'"asset"') > 2**16
    check_sphere(read(content))


def test_encodings():
    content = sphere_document().text().decode()
    check_sphere(read(content.encode("utf-8-sig")))


def write(folder, uri="a.bin"):
    document = sphere_document()
    (folder / "a.bin").write_bytes(document.bytes)
    path = folder / "a.gltf"
    path.write_bytes(document.text(uri))
    return path


@pytest.mark.parametrize("uri", ["a.bin", "./a.bin", "%61.bin"])
def test_a_buffer_in_the_same_folder(tmp_path, uri):
    source = Source(str(write(tmp_path, uri)))
    assert detect(source).reason == "glTF with its buffers beside it"
    check_sphere(load_points(source, "gltf", 2000))


@pytest.mark.parametrize(
    "uri",
    [
        *("../a.bin", "/etc/passwd", "sub/a.bin", "..%2Fa.bin", "..\\a.bin", "file:///a.bin"),
        *("https://example.com/a.bin", "..", "", "a%00.bin", "C:\\a.bin"),
    ],
)
def test_a_buffer_elsewhere_is_not_opened(tmp_path, uri):
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path)
    path = write(folder)
    document = sphere_document()
    path.write_bytes(
        document.text("x").replace(b'"uri": "x"', b'"uri": ' + json.dumps(uri).encode())
    )
    with pytest.raises(InputError) as caught:
        detect(Source(str(path)))
    assert caught.value.kind == "unsupported"
    assert caught.value.message.isprintable()


def test_a_buffer_that_is_missing_or_too_short(tmp_path):
    path = write(tmp_path)
    (tmp_path / "a.bin").write_bytes((tmp_path / "a.bin").read_bytes()[:-500])
    with pytest.raises(InputError) as caught:
        load_points(Source(str(path)), "gltf", 100)
    assert caught.value.kind == "corrupt"
    (tmp_path / "a.bin").unlink()
    with pytest.raises(InputError, match=r"missing: a\.bin"):
        detect(Source(str(path)))


def test_a_buffer_beside_what_has_no_folder():
    assert "save it as .glb" in refusal(sphere_document().text("a.bin")).message


def test_texts_of_other_kinds_in_data_uris():
    document = sphere_document()
    quoted = "".join(f"%{byte:02x}" for byte in document.bytes)
    check_sphere(read(document.text("data:application/octet-stream," + quoted)))


@pytest.mark.parametrize(
    ("extension", "word"),
    [
        ("KHR_draco_mesh_compression", "Draco"),
        ("EXT_meshopt_compression", "meshopt"),
        ("KHR_texture_basisu", "KTX"),
        ("ACME_hidden_geometry", "ACME_hidden_geometry"),
    ],
)
def test_required_extensions_are_named(extension, word):
    document = sphere_document()
    document.tree["extensionsRequired"] = [extension]
    for content in (document.glb(), document.text()):
        error = refusal(content)
        assert (error.kind, word in error.message) == ("unsupported", True)


def test_extensions_that_move_nothing():
    document = sphere_document()
    document.tree["extensionsRequired"] = ["KHR_materials_unlit", "KHR_texture_transform"]
    document.tree["extensionsUsed"] = ["KHR_draco_mesh_compression", "ACME_anything"]
    check_sphere(read(document.glb()))


def test_draco_without_a_fallback_that_is_not_stated():
    document = sphere_document()
    primitive = document.tree["meshes"][0]["primitives"][0]
    primitive["extensions"] = {"KHR_draco_mesh_compression": {"bufferView": 0}}
    check_sphere(read(document.glb()))
    del document.tree["accessors"][0]["bufferView"]
    assert "Draco" in refusal(document.glb()).message


@pytest.mark.parametrize("name", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_meshopt_with_and_without_a_fallback(name):
    document = sphere_document()
    for view in document.tree["bufferViews"]:
        view["extensions"] = {name: {"buffer": 1}}
    check_sphere(read(document.glb()))
    for view in document.tree["bufferViews"]:
        view["buffer"] = 1
    tree = document.tree | {"buffers": [{"byteLength": 9}, {"byteLength": 9999}]}
    assert "meshopt" in refusal(json.dumps(tree).encode()).message


def test_version_1():
    for tree in ({"asset": {"version": "1.0"}, "meshes": {}}, {"meshes": {}, "nodes": {}}):
        error = refusal(json.dumps(tree).encode(), "a.gltf")
        assert (error.kind, "glTF 1.0" in error.message) == ("unsupported", True)
    assert "glTF 1.0" in refusal(struct.pack("<4sIIII", b"glTF", 1, 40, 20, 0) + b"{}").message


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_cut_off(share):
    for content in (sphere_document().glb(), sphere_document().text()):
        assert refusal(content[: round(share * len(content))], "a.gltf").kind == "corrupt"


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": [{"mesh": 7}]},
        {"nodes": [{"mesh": -1}]},
        {"nodes": [{"mesh": "0"}]},
        {"nodes": 3},
        {"nodes": [3]},
        {"nodes": [{"children": [0]}]},
        {"nodes": [{"children": [1]}, {"children": [0]}]},
        {"nodes": [{"mesh": 0, "matrix": [1, 2]}]},
        {"nodes": [{"mesh": 0, "scale": "large"}]},
        {"scenes": [{"nodes": [0, 0]}]},
        {"scenes": [{"nodes": [5]}]},
        {"accessors": [{}]},
        {"accessors": [{"componentType": 5126, "count": -5, "type": "VEC3", "bufferView": 0}]},
        {"accessors": [{"componentType": 1, "count": 5, "type": "VEC3", "bufferView": 0}]},
        {"accessors": [{"componentType": 5126, "count": 1e300, "type": "VEC3"}]},
        {"bufferViews": [{"buffer": 0, "byteOffset": -9, "byteLength": 99}]},
        {"bufferViews": [{"buffer": 3, "byteLength": 9999}] * 2},
        {"meshes": [{"primitives": None}]},
    ],
)
def test_documents_of_another_structure(change):
    document = sphere_document()
    document.tree |= change
    for content in (document.glb(), document.text()):
        assert refusal(content, "a.gltf").kind in ("corrupt", "too_large")
