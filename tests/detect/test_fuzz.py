"""Any bytes are detected or refused with a message; text that looks like points is read."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source

SUFFIXES = ("", "jpg", "mp3", "ts", "stl", "xyz", "csv", "npy", "obj", "h264")
BEGINNINGS = (
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0\x08\0\0\0", b"BM", b"P6 "),
    *(b"RIFF\x20\0\0\0WAVE", b"RIFF\x20\0\0\0WEBP", b"OggS\0", b"fLaC", b"ID3\x04\0\0"),
    *(b"\xff\xfb\x90\0", b"\xff\xf1P\x80", b"FORM\0\0\0\x20AIFF", b"\0\0\0\x18ftypisom"),
    *(b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba", b"G\x40\0", b"\x93NUMPY\1\0v\0{", b"PK\3\4"),
    *(b"ply\nformat ascii 1.0\n", b"glTF\2\0\0\0", b"solid x\nfacet normal ", b"OFF\n3 1 0\n"),
    *(b'{"asset": {}, "meshes": ', b"v 1 2 3\n", b"<svg", b"<?xml ", bytes(80)),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"),
)
CELLS = st.one_of(
    st.floats(width=32).map(str),
    st.integers(-5, 300).map(str),
    st.sampled_from(["x", "y", "z", "X (m)", "1,5", "nan", "1e999", "", '"2"', "½", "१", "1_0"]),
)
LINES = st.builds(
    str.join, st.sampled_from([" ", ",", ";", "\t", ", ", "  "]), st.lists(CELLS, max_size=6)
)
TABLES = st.builds(
    lambda head, lines, end: "".join(line + end for line in (*head, *lines)),
    st.lists(
        st.sampled_from(["# x y z", "//X,Y,Z", "x,y,z", "x y z r", "3", "", "OFF"]), max_size=2
    ),
    st.lists(LINES, max_size=12),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\x0c", "\u2028"]),
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])

many = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# Each kept a pattern searching for longer than anyone waits.
HARM = {
    "comments": b"<!---->" * 60,
    "line ends": b"\n" * 65_000,
    "digits": b"v " + b"1" * 60_000,
}


def look_at(content: bytes, suffix: str = "") -> None:
    """Detects a file and, if it is a table of points, reads it; refusals have to be readable."""
    source = Source(f"file.{suffix}", content)
    try:
        if detect(source).format == "xyz":
            assert load_points(source, "xyz", 16).points.shape[1] == 3
    except InputError as error:
        if not error.message.isprintable():
            raise


@many
@given(st.sampled_from(BEGINNINGS), st.binary(max_size=200), st.sampled_from(SUFFIXES))
def test_any_bytes(beginning, rest, suffix):
    look_at(beginning + rest, suffix)


@many
@given(st.binary(max_size=300), st.sampled_from(SUFFIXES))
def test_bytes_without_a_beginning(content, suffix):
    look_at(content, suffix)


@many
@given(TABLES, ENCODINGS, st.sampled_from(SUFFIXES))
def test_tables(text, encoding, suffix):
    look_at(text.encode(encoding), suffix)


@many
@given(st.text(max_size=200), ENCODINGS)
def test_texts(text, encoding):
    look_at(text.encode(encoding, "surrogatepass"))


@pytest.mark.parametrize("content", HARM.values(), ids=list(HARM))
def test_text_made_to_harm(content):
    look_at(content)
