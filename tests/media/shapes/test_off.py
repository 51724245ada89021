"""OFF with and without normals, colours, comments, counts of edges and aligned lines."""

import io

import pytest

from perceiver_cli.media.shapes.off import read_off
from tests.media.shapes.reading import FACES, SPHERE, VERTICES, check_sphere, counts, read, refusal

HEAD = f"{len(VERTICES)} {len(FACES)}"
V_LINES = "".join(f"{x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in VERTICES)
F_LINES = "".join(f"3 {a} {b} {c}\n" for a, b, c in FACES)
OFF = f"OFF\n{HEAD} 0\n{V_LINES}{F_LINES}"


def test_what_trimesh_writes():
    check_sphere(read(SPHERE.export(file_type="off").encode()))


@pytest.mark.parametrize(
    "head",
    [
        *("OFF\n{} 0\n", "OFF{} 0\n", "OFF {} 0\n", "OFF\n{}\n", "OFF\n\n{} 0 \n\n"),
        *("OFF # comment\n# more\n{} 0 # counts\n", "off\n{} 0\n"),
    ],
)
def test_headers(head):
    check_sphere(read((head.format(HEAD) + V_LINES + F_LINES).encode()))
    check_sphere(read((head.format(HEAD).replace(" ", "\t") + V_LINES + F_LINES).encode()))


def test_negative_counts():
    for head in ("OFF\n-5 5 0\n", "OFF\n5 -5 0\n", "OFF -5 -5\n"):
        assert refusal((head + V_LINES + F_LINES).encode()).kind == "corrupt"


def test_counts_on_lines_of_their_own():
    check_sphere(read((f"OFF\n{len(VERTICES)}\n{len(FACES)}\n0\n" + V_LINES + F_LINES).encode()))


def test_no_header_but_a_name():
    check_sphere(read(f"{HEAD} 0\n{V_LINES}{F_LINES}".encode(), "a.off"))


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("COFF", " 255 0 0 255"),
        ("COFF", " 0.5 0.5 0.5"),
        ("NOFF", " 0 0 1"),
        ("CNOFF", " 0 0 1 255 0 0 255"),
        ("STOFF", " 0.5 0.5"),
        ("STCNOFF", " 0 0 1 0.1 0.1 0.1 1 0.5 0.5"),
    ],
)
@pytest.mark.parametrize("colour", ["", " 255 0 0", " 0.5 0.5 0.5 1.0", " 3"])
def test_values_beside_the_coordinates(name, rest, colour):
    vertices, faces = V_LINES.replace("\n", rest + "\n"), F_LINES.replace("\n", colour + "\n")
    check_sphere(read(f"{name}\n{HEAD} 0\n{vertices}{faces}".encode()))


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n\n", "  # note\n"])
def test_line_ends(end):
    check_sphere(read(OFF.replace("\n", end).encode()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_encodings(encoding):
    check_sphere(read(OFF.replace("OFF\n", "OFF\n# Größe\n").encode(encoding)))


def test_more_comments_than_the_beginning_holds():
    check_sphere(read(OFF.replace("OFF\n", "OFF\n" + "# a comment\n" * 7000).encode()))


def test_lines_that_mean_nothing():
    check_sphere(read(OFF.replace("\n", " ").encode()))
    check_sphere(read(f"OFF {HEAD} 0\n{V_LINES.replace(' ', chr(10))}{F_LINES}".encode()))


def test_polygons():
    square = "0 0 0\n1 0 0\n1 1 0\n0 1 0\n"
    assert read(f"OFF\n4 1 0\n{square}4 0 1 2 3\n".encode()).faces == 2
    assert read(f"OFF\n4 3 0\n{square}4 0 1 2 3\n2 0 1\n3 0 1 2\n".encode()).faces == 3
    assert counts(read(f"OFF\n4 0 0\n{square}".encode())) == ("cloud", 4, 0)


def test_control_characters_are_no_white_space():
    text = "4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0\x1f2 2 3\n"
    shape = read_off(io.BytesIO(text.encode()))
    assert shape.faces.tolist() == [[0, 1, 2]]
    assert shape.notes == ("1 of 2 faces names vertices that do not exist; left out",)


@pytest.mark.parametrize("name", ["4OFF", "nOFF\n4", "OFF BINARY"])
def test_other_variants_are_named(name):
    assert refusal(f"{name}\n4 1 0\n0 0 0 1\n".encode()).kind == "unsupported"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_cut_off(share):
    assert refusal(OFF[: round(share * len(OFF))].encode()).kind == "corrupt"
    assert refusal(OFF[:-3].encode()).kind == "corrupt"
