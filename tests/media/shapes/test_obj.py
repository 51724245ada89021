"""OBJ as exporters write it: relative indices, any line end and encoding, long beginnings."""

import numpy as np
import pytest

from perceiver_cli.media.text import line_blocks
from tests.media.shapes.reading import FACES, VERTICES, check_sphere, counts, read, refusal

V_LINES = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in VERTICES)
F_LINES = "".join(f"f {a} {b} {c}\n" for a, b, c in FACES + 1)
OBJ = V_LINES + F_LINES


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends(end):
    check_sphere(read(OBJ.replace("\n", end).encode()))


def test_mixed_line_ends():
    ends = ["\n", "\r\n", "\r"]
    text = "".join(line + ends[i % 3] for i, line in enumerate(OBJ.splitlines()))
    check_sphere(read(text.encode()))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "latin-1", "gbk", "shift_jis", "utf-16", "utf-16-le", "utf-16-be"],
)
def test_encodings(encoding):
    word = {"gbk": "模型", "shift_jis": "表ソ", "latin-1": "Größe"}.get(encoding, "модель")
    text = f"# {word}\nmtllib {word}.mtl\no {word}\n{V_LINES}usemtl {word}\n{F_LINES}"
    check_sphere(read(text.encode(encoding)))


def test_text_that_is_mostly_chinese():
    text = "# " + "圆柱体的模型" * 40 + "\n" + OBJ[:100]
    cloud = read((text + "\nv 1 2 3\nv 2 3 5\nv 7 5 3\n").encode("gbk"))
    assert cloud.kind == "cloud"


def test_a_name_that_ends_in_a_backslash_continues_nothing():
    # In Shift-JIS this character is 0x83 0x5C, and the second byte is a backslash.
    text = f"o ソ\n{V_LINES}g ソ\n{F_LINES}"
    assert b"\\\n" in text.encode("shift_jis")
    check_sphere(read(text.encode("shift_jis")))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace(" ", "   "),
        lambda text: "".join(f"  {line}  \n" for line in text.splitlines()),
        lambda text: text.replace("\n", " # vertex or face\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace(" ", " \\\n"),
        lambda text: text.replace("f ", "fo "),
        lambda text: text.rstrip("\n"),
        lambda text: text.upper(),
    ],
    ids=["tabs", "spaces", "indented", "comments", "blank", "continued", "fo", "no end", "upper"],
)
def test_spacing(change):
    check_sphere(read(change(OBJ).encode()))


@pytest.mark.parametrize(
    "corner", ["{v}/{v}", "{v}/{v}/{v}", "{v}//{v}", "{v}/", "{r}", "{r}/{r}/{r}", "{r}//{r}"]
)
def test_corners(corner):
    total = len(VERTICES)
    faces = (
        "f " + " ".join(corner.format(v=i + 1, r=i - total) for i in face) + "\n" for face in FACES
    )
    check_sphere(read((V_LINES + "vt 0 0\nvn 0 0 1\n" + "".join(faces)).encode()))


def interleaved(faces=FACES):
    return "".join(
        "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in VERTICES[face]) + "f -3 -2 -1\n"
        for face in faces
    )


def test_relative_indices_count_from_their_own_line():
    cloud = read(interleaved().encode())
    assert counts(cloud) == ("mesh", 3 * len(FACES), len(FACES))
    assert np.linalg.norm(cloud.points, axis=1).min() > 0.9


def test_relative_indices_in_another_block_than_their_vertices(monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.text.BLOCK_BYTES", 100)
    cloud = read(interleaved().encode())
    assert counts(cloud) == ("mesh", 3 * len(FACES), len(FACES))
    assert np.linalg.norm(cloud.points, axis=1).min() > 0.9


def test_absolute_and_relative_indices_in_one_file():
    text = OBJ + "v 3 0 0\nv 3 1 0\nv 3 0 1\nf -3 -2 -1\n" + f"f {len(VERTICES) + 1} -2 -1\n"
    assert counts(read(text.encode())) == ("mesh", len(VERTICES) + 3, len(FACES) + 2)


@pytest.mark.parametrize(
    "line", ["vt 0.5 0.25\n", "# a comment\n", "vn 0 0 1\n", "mtllib a.mtl\n", "usemtl grün\n"]
)
def test_more_than_the_beginning_before_the_first_vertex(line):
    text = line * (70_000 // len(line)) + OBJ
    check_sphere(read(text.encode("latin-1")))


def test_comments_without_a_vertex_are_no_shape():
    assert refusal(b"# a comment\n" * 7000).kind == "unsupported"


@pytest.mark.parametrize("rest", [" 1.0", " 0.5 0.5 0.5", " 0.5 0.5 0.5 1"])
def test_weights_and_colours_behind_the_coordinates(rest):
    text = V_LINES.replace("\n", rest + "\n") + F_LINES
    check_sphere(read(text.encode()))


def test_decimal_commas():
    check_sphere(read((V_LINES.replace(".", ",") + F_LINES).encode()))


def test_coordinates_that_are_none():
    text = V_LINES + "v nan 0 0\nv 1.#QNAN 0 0\nv -nan(ind) 0 0\n" + F_LINES
    assert counts(read(text.encode())) == ("mesh", len(VERTICES) + 3, len(FACES))


def test_polygons_and_lines_of_two():
    square = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 2 0\n"
    assert read((square + "f 1 2 3 4\n").encode()).faces == 2
    assert read((square + "f 1 2 3 5 4\nf 1 2\nl 1 2 3\np 1\n").encode()).faces == 3


def test_vertices_in_the_plane():
    cloud = read(b"v 0 0\nv 1 0\nv 1 1\nv 0 1\nf 1 2 3 4\n")
    assert counts(cloud) == ("mesh", 4, 2)
    assert not cloud.points[:, 1].any()  # z of the file, which has y up


def test_faces_that_name_no_vertices_are_left_out():
    wrong = "f 1 2 9999\nf 0 1 2\nf -9999 1 2\nf 1 2 99999999999999999999\n"
    cloud = read((V_LINES + wrong + F_LINES).encode())
    assert counts(cloud) == ("mesh", len(VERTICES), len(FACES))
    (note,) = cloud.notes
    assert note.startswith("4 of ")
    assert refusal((V_LINES + wrong).encode()).kind == "corrupt"


def test_free_form_surfaces_are_named():
    text = (
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\ncstype bspline\ndeg 1 1\nsurf 0 1 0 1 1 2 3 4\nend\n"
    )
    error = refusal(text.encode())
    assert (error.kind, "NURBS" in error.message) == ("unsupported", True)


def test_blocks_end_with_lines(monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.text.BLOCK_BYTES", 7)
    import io

    text = b"one\r\ntwo\rthree \\\r\nmore\n\r\n" + b"x" * 30
    blocks = list(line_blocks(io.BytesIO(text)))
    assert b"".join(blocks) == b"one\ntwo\nthree \\\nmore\n\n" + b"x" * 30
    assert len(blocks) > 2
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert not any(block.endswith(b"\\\n") for block in blocks)


def test_lines_without_an_end_are_refused(monkeypatch):
    monkeypatch.setattr("perceiver_cli.media.text.MAX_LINE_BYTES", 100)
    monkeypatch.setattr("perceiver_cli.media.text.BLOCK_BYTES", 50)
    assert refusal(V_LINES.encode() + b"f 1 2 3 " * 50).kind == "corrupt"


CUT = ("the shape is cut off: its end is missing",)


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        (OBJ + "f 1 2", True),
        (OBJ + "f 1 2\n", False),
        (OBJ + "f 1 2 3 4", False),
        (OBJ + "f", True),
        (OBJ + "f 1/1 2/2 3/", True),
        (OBJ + "f 1//1 2//2 3", True),
        (OBJ + "f 1/ 2/ 3/", False),
        (OBJ + "vn 0 0", True),
        (OBJ + V_LINES + "v 1.000000 1.000000 0.5", True),
        (OBJ + V_LINES + "v 1.000000 1.000000", True),
        (OBJ + V_LINES + "v 1.000000 1.000000 0.500000", False),
        (OBJ + V_LINES + "v", True),
        ("v 1 2 3\nv 2.5 3.25 0.125\nv 1.5 2 4", False),
        (OBJ + "# v", False),
        (OBJ + "usemtl", False),
    ],
)
def test_a_record_that_is_cut_off_has_a_note(text, is_cut):
    assert read(text.encode()).notes == (CUT if is_cut else ())


@pytest.mark.parametrize(
    "text",
    [
        V_LINES + "v 1.000000 1.000000 0.5",
        V_LINES + "v 1.000000 1.000000",
        V_LINES + "vn 0 0",
        "# chair\nv 0.5 0.5 0.5\nv 0.5 0.",
        "# Vertices: 114\n# Faces: 224\n" + V_LINES,
    ],
)
def test_one_that_is_cut_off_before_its_faces_is_corrupt(text):
    error = refusal(text.encode())
    assert (error.kind, error.message) == ("corrupt", "cut off before its first face")


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        (V_LINES + "vt 0 0\nvt 0 1\n", True),
        ("# Vertices: 114\n# Faces: 0\n" + V_LINES, False),
        ("mtllib a.mtl\no cloud\n" + V_LINES + "vn 0 0 1\n", False),
        (V_LINES + "vt 0 0\nvt 0 1\np 1/1 2/2\n", False),
    ],
)
def test_a_mesh_that_has_lost_its_faces_has_a_note(text, is_cut):
    cloud = read(text.encode())
    assert counts(cloud) == ("cloud", len(VERTICES), 0)
    assert cloud.notes == (("the shape is cut off: its faces are missing",) if is_cut else ())


@pytest.mark.parametrize(
    ("text", "is_noted"),
    [(V_LINES + "vt 0 0\nl 1/1 2/1\n", True), (OBJ + "l 1 2\n", False), (V_LINES + "p 1\n", False)],
)
def test_lines_that_are_not_read_have_a_note(text, is_noted):
    assert read(text.encode()).notes == (
        ("its lines are not read, only their corners",) if is_noted else ()
    )
