"""PLY as exporters write it: any elements, list types, orders of bytes, line ends and comments."""

import struct

import numpy as np
import pytest

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

TYPES = {
    **{"char": "b", "uchar": "B", "short": "h", "ushort": "H", "int": "i", "uint": "I"},
    **{"float": "f", "double": "d"},
}
AXES = [("float", axis) for axis in "xyz"]
POLYGONS = [list(map(int, face)) for face in FACES]


def ply(elements, form="binary_little_endian", end="\n", comments=(), after="", blank=""):
    """elements: (name, [property: (type, name) or (length type, type, name)], rows of values)."""
    order = ">" if form == "binary_big_endian" else "<"
    head, body = [f"format {form} 1.0", *(f"comment {c}" for c in comments)], b""
    for name, properties, rows in elements:
        head.append(f"element {name} {len(rows)}")
        head += [f"property {'list ' * (len(p) == 3)}{' '.join(p)}" for p in properties]
        for row in rows:
            words = []
            for kinds, value in zip(properties, row, strict=True):
                if len(kinds) == 3:
                    words += [(kinds[0], len(value)), *((kinds[1], v) for v in value)]
                else:
                    words.append((kinds[0], value))
            if form == "ascii":
                body += (" ".join(str(v) for _, v in words) + after + end).encode()
            else:
                layout = order + "".join(TYPES[kind] for kind, _ in words)
                body += struct.pack(layout, *(value for _, value in words))
    return (end.join(["ply", *head, "end_header"]) + end + blank).encode() + body


def sphere(length="uchar", index="int", name="vertex_indices", polygons=POLYGONS, **options):
    rows = [tuple(map(float, vertex)) for vertex in VERTICES]
    faces = ("face", [(length, index, name)], [(polygon,) for polygon in polygons])
    return ply([("vertex", AXES, rows), faces], **options)


FORMS = ["ascii", "binary_little_endian", "binary_big_endian"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["vertex_indices", "vertex_index"])
@pytest.mark.parametrize("length", ["uchar", "char", "int", "uint", "ushort"])
def test_lists(form, name, length):
    check_sphere(read(sphere(length, name=name, form=form)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("index", ["uchar", "short", "ushort", "int", "uint"])
def test_index_types(form, index):
    check_sphere(read(sphere(index=index, form=form)))


def mixed(form):
    """The two triangles of each quad joined again, where they follow each other."""
    polygons, left = [], list(POLYGONS)
    while left:
        a = left.pop(0)
        shared = set(a) & set(left[0]) if left else set()
        if len(shared) == 2 and len(polygons) % 3:
            b = left.pop(0)
            (new,) = set(b) - shared
            at = next(i for i in range(3) if {a[i], a[(i + 1) % 3]} == shared)
            polygons.append([*a[: at + 1], new, *a[at + 1 :]])
        else:
            polygons.append(a)
    return sphere(polygons=polygons, form=form), polygons


@pytest.mark.parametrize("form", FORMS)
def test_triangles_and_quads_mixed(form):
    content, polygons = mixed(form)
    assert {len(polygon) for polygon in polygons} == {3, 4}
    check_sphere(read(content))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("corners", [4, 5, 12])
def test_polygons_of_one_size(form, corners):
    turns = np.arange(corners) * 2 * np.pi / corners
    rows = [(float(np.cos(t)), float(np.sin(t)), 0.0) for t in turns]
    faces = ("face", [("uchar", "int", "vertex_indices")], [(list(range(corners)),)])
    assert counts(read(ply([("vertex", AXES, rows), faces], form))) == (
        "mesh",
        corners,
        corners - 2,
    )


@pytest.mark.parametrize("form", FORMS)
def test_other_elements_and_properties(form):
    """Before, between and behind; lists in vertices, before and behind the faces' own."""
    vertices = [
        ([1, 2][: i % 3], i % 200, *map(float, vertex), 0.5, [0.25] * (i % 2))
        for i, vertex in enumerate(VERTICES)
    ]
    faces = [([0.5] * (i % 4), polygon, i, [1.0] * 6) for i, polygon in enumerate(POLYGONS)]
    content = ply(
        [
            ("camera", [("float", "view_px"), ("int", "n")], [(1.0, 2)]),
            (
                "vertex",
                [
                    ("uchar", "short", "tags"),
                    ("uchar", "red"),
                    ("float", "x"),
                    ("float", "y"),
                    ("float", "z"),
                    ("double", "quality"),
                    ("int", "float", "weights"),
                ],
                vertices,
            ),
            ("edge", [("int", "vertex1"), ("int", "vertex2")], [(0, 1), (1, 2), (2, 3)]),
            ("material", [("uchar", "char", "name")], [([1, 2, 3],), ([],)]),
            (
                "face",
                [
                    ("uchar", "float", "normals"),
                    ("uchar", "int", "vertex_indices"),
                    ("int", "group"),
                    ("uchar", "float", "texcoord"),
                ],
                faces,
            ),
            ("user", [("uchar", "int", "data")], [([1, 2],)]),
        ],
        form,
    )
    check_sphere(read(content))


@pytest.mark.parametrize("form", FORMS)
def test_faces_before_vertices(form):
    faces = ("face", [("uchar", "int", "vertex_indices")], [(p,) for p in POLYGONS])
    rows = [tuple(map(float, vertex)) for vertex in VERTICES]
    check_sphere(read(ply([faces, ("vertex", AXES, rows)], form)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axes", [["z", "y", "x"], ["x", "nx", "y", "ny", "z", "nz"]])
def test_axes_in_any_order(form, axes):
    rows = [tuple(float(v["xyz".index(a[-1])]) for a in axes) for v in VERTICES]
    content = ply([("vertex", [("float", a) for a in axes], rows)], form)
    cloud = read(content)
    assert counts(cloud) == ("cloud", len(VERTICES), 0)
    assert cloud.points == pytest.approx(VERTICES, abs=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_axes_of_different_types(form):
    properties = [("double", "x"), ("float", "y"), ("int", "z"), ("uchar", "red")]
    rows = [(0.5, 0.25, 3, 1), (1.5, 0.25, 3, 2), (0.5, 4.25, 3, 3), (0.5, 0.25, -9, 4)]
    cloud = read(ply([("vertex", properties, rows)], form))
    assert cloud.points.tolist() == [list(row[:3]) for row in rows]


@pytest.mark.parametrize("form", FORMS)
def test_strips(form):
    # Two strips with a mark between them; then a second record of one strip.
    rows = [(float(i // 2), float(i % 2), 0.0) for i in range(12)]
    strips = [([0, 1, 2, 3, 4, 5, -1, 6, 7, 8, 9],), ([8, 9, 10, 11],)]
    lists = ("tristrips", [("int", "int", "vertex_indices")], strips)
    cloud = read(ply([("vertex", AXES, rows), lists], form))
    assert counts(cloud) == ("mesh", 12, 4 + 2 + 2)
    assert not ((cloud.points[:, 0] > 2) & (cloud.points[:, 0] < 3)).any()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(form, end):
    check_sphere(read(sphere(form=form, end=end)))


@pytest.mark.parametrize("first", [10, 13])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_data_that_begin_like_a_line_end(first, end):
    (number,) = struct.unpack("<f", bytes([first, 10, 0, 63]))
    rows = [(number, 0.0, 0.0), (1.0, 2.0, 3.0), (2.0, 1.0, 3.0), (3.0, 1.0, 2.0)]
    cloud = read(ply([("vertex", AXES, rows)], end=end))
    assert cloud.points[1:].tolist() == [list(row) for row in rows[1:]]


@pytest.mark.parametrize("form", FORMS)
def test_comments_longer_than_the_beginning(form):
    check_sphere(read(sphere(form=form, comments=["made by someone " * 60] * 100)))
    check_sphere(read(sphere(form=form, comments=["x" * 200_000, "end_header"])))


@pytest.mark.parametrize("blank", ["\n", "\n\n \n"])
def test_blank_lines_before_the_data(blank):
    check_sphere(read(sphere(form="ascii", blank=blank)))
    check_sphere(read(sphere(form="ascii", end="\n\n")))


def test_rows_with_more_values_than_properties():
    check_sphere(read(sphere(form="ascii", after=" 1 2 3 ")))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding):
    content = sphere(form="ascii", comments=["модель"]).decode()
    check_sphere(read(content.encode(encoding)))


@pytest.mark.parametrize("encoding", ["latin-1", "gbk"])
def test_comments_in_other_encodings(encoding):
    comment = {"latin-1": "Größe", "gbk": "模型"}[encoding]
    for form in FORMS:
        content = sphere(form=form).replace(b"comment", b"")
        content = content.replace(
            b"\nelement", b"\ncomment " + comment.encode(encoding) + b"\nelement", 1
        )
        check_sphere(read(content))


def test_header_in_capitals():
    content = sphere(form="ascii").decode()
    check_sphere(read(content.replace("element", "ELEMENT").replace("float", "FLOAT32").encode()))


def test_what_trimesh_writes():
    for encoding in ("ascii", "binary_little_endian"):
        check_sphere(read(SPHERE.export(file_type="ply", encoding=encoding)))


@pytest.mark.parametrize("form", FORMS)
def test_clouds(form):
    rows = [tuple(map(float, vertex)) for vertex in VERTICES]
    for extra in ([], [("face", [("uchar", "int", "vertex_indices")], [])]):
        cloud = read(ply([("vertex", AXES, rows), *extra], form))
        assert counts(cloud) == ("cloud", len(VERTICES), 0)
        assert extent(cloud) == pytest.approx(2, abs=0.1)


def test_range_grids_are_clouds():
    grid = (
        "range_grid",
        [("uchar", "int", "vertex_indices")],
        [([i],) if i % 3 else ([],) for i in range(60)],
    )
    rows = [tuple(map(float, vertex)) for vertex in VERTICES]
    assert counts(read(ply([("vertex", AXES, rows), grid]))) == ("cloud", len(VERTICES), 0)


@pytest.mark.parametrize("form", FORMS)
def test_faces_that_name_no_vertices(form):
    wrong = [*POLYGONS, [0, 1, len(VERTICES)], [-1, 0, 1]]
    cloud = read(sphere(polygons=wrong, form=form))
    assert counts(cloud) == ("mesh", len(VERTICES), len(FACES))
    assert cloud.notes == (f"2 of {len(wrong)} faces name vertices that do not exist; left out",)


def test_compressed_splats_are_named():
    properties = [("uint", "packed_position"), ("uint", "packed_rotation")]
    chunk = ("chunk", [("float", "min_x"), ("float", "max_x")], [(0.0, 1.0)])
    error = refusal(ply([chunk, ("vertex", properties, [(1, 2)] * 9)]))
    assert (error.kind, "splat" in error.message) == ("unsupported", True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_cut_off(form, share):
    content, _ = mixed(form)
    for whole in (content, sphere(form=form)):
        error = refusal(whole[: round(share * len(whole))])
        assert error.kind == "corrupt"


@pytest.mark.parametrize("missing", [1, 2])
def test_cut_off_text_counts_what_is_missing(missing):
    header = b"ply\nformat ascii 1.0\nelement vertex 5\n"
    header += b"property float x\nproperty float y\nproperty float z\nend_header\n"
    error = refusal(header + b"0 1 2\n" * (5 - missing))
    assert error.message == f"cut off: missing vertex lines: {missing}"


@pytest.mark.parametrize(
    "header",
    [
        "ply\nelement vertex 3\nend_header\n",
        "ply\nformat ascii 1.0\nelement vertex -3\nend_header\n",
        "ply\nformat ascii 1.0\nproperty float x\nend_header\n",
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty complex x\nend_header\n",
        "ply\nformat ascii 1.0\nelement face 3\nend_header\n",
        "ply\nformat base64 1.0\nelement vertex 3\nend_header\n",
    ],
)
def test_damaged_headers(header):
    assert refusal(header.encode()).kind == "corrupt"


def test_messages_show_no_control_characters():
    header = ply([("a\x1ab", AXES, []), ("vertex", AXES, [])]).replace(b"b 0", b"b 9")
    assert refusal(header).kind == "corrupt"


def test_vertices_without_positions():
    assert (
        refusal(ply([("vertex", [("float", "u"), ("float", "v")], [(1.0, 2.0)])])).kind
        == "unsupported"
    )
