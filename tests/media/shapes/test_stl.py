"""STL: variants of text, and binary files whose length and count disagree."""

import struct

import pytest

from tests.media.shapes.reading import FACES, SPHERE, counts, read, refusal

COUNTS = ("mesh", 3 * len(FACES), len(FACES))
BINARY = SPHERE.export(file_type="stl")
TEXT = SPHERE.export(file_type="stl_ascii")


def check(content, name="file"):
    cloud = read(content, name)
    assert counts(cloud) == COUNTS
    assert (cloud.points**2).sum(1).max() < 1.001


def test_binary():
    check(BINARY)
    check(b"solid named like text".ljust(80) + BINARY[80:])


@pytest.mark.parametrize(
    "rest", [b"\0", b"\r\n", b"made by someone", bytes(37), bytes(50), b"text " * 20]
)
def test_bytes_behind_the_last_triangle(rest):
    check(BINARY + rest, "a.stl")


@pytest.mark.parametrize("count", [0, 2**32 - 1])
@pytest.mark.parametrize("rest", [b"", b"end"])
def test_a_count_that_was_never_filled_in(count, rest):
    check(BINARY[:80] + struct.pack("<I", count) + BINARY[84:] + rest, "a.stl")


def test_more_triangles_than_stated():
    cloud = read(BINARY[:80] + struct.pack("<I", 3) + BINARY[84:], "a.stl")
    assert counts(cloud) == COUNTS
    told = f"its header states 3 of its {len(FACES)} triangles; all are read"
    assert cloud.notes == (told,)
    cloud = read(BINARY[:80] + struct.pack("<I", 3) + BINARY[84:-20], "a.stl")
    assert counts(cloud) == ("mesh", 9, 3)
    rest = (len(FACES) - 3) * 50 - 20
    told = f"{rest:,} bytes after the 3 triangles that its header states; left out"
    assert cloud.notes == (told,)


def test_too_few_triangles():
    for cut in (1, 50, 5000, len(BINARY) - 90):
        assert refusal(BINARY[:-cut], "a.stl").kind == "corrupt"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: text.upper(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\n\n" + text.replace("\n", "\n\n"),
        lambda text: "\n".join(line.strip().replace(" ", "\t") for line in text.split("\n")),
        lambda text: text.replace("solid", "solid vertex 1 2 3 of a facet", 1),
        lambda text: text.replace("solid", "solid " + "x" * 9000, 1),
        lambda text: text[: text.rindex("endsolid")],
        lambda text: " ".join(text.split()),
        lambda text: text.replace(".", ","),
    ],
)
def test_text(change):
    check(change(TEXT).encode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "gbk", "shift_jis"])
def test_encodings(encoding):
    check(TEXT.replace("solid", "solid 表面", 1).encode(encoding))


def test_files_without_a_triangle():
    assert refusal(BINARY[:80] + bytes(4), "a.stl").kind == "empty"
    assert refusal(b"solid nothing\nendsolid nothing\n").kind == "empty"


def test_several_solids():
    assert read((TEXT + TEXT).encode()).faces == 2 * len(FACES)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_text_cut_off(share):
    assert refusal(TEXT[: round(share * len(TEXT))].encode()).kind == "corrupt"
