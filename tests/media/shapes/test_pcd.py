"""PCD: text, binary and compressed, whatever the fields."""

import struct

import numpy as np
import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.pcd import unpack_lzf
from tests.media.shapes.reading import counts, read, refusal

POINTS = np.random.default_rng(0).uniform(-1, 1, (300, 3)).astype(np.float32)


def header(
    data, fields="x y z", sizes="4 4 4", kinds="F F F", numbers="1 1 1", first="# .PCD v0.7\n"
):
    return (
        f"{first}VERSION 0.7\nFIELDS {fields}\nSIZE {sizes}\nTYPE {kinds}\nCOUNT {numbers}\n"
        f"WIDTH 30\nHEIGHT 10\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 300\nDATA {data}\n"
    ).encode()


LINES = "".join("{:.8f} {:.8f} {:.8f}\n".format(*point) for point in POINTS)


def check(content):
    cloud = read(content)
    assert counts(cloud) == ("cloud", 300, 0)
    assert cloud.up == "z"
    assert cloud.points == pytest.approx(POINTS, abs=1e-6)


@pytest.mark.parametrize(
    "first", ["# .PCD v0.7 - Point Cloud Data file format\n", "", "# made by x\n\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text(first, end):
    content = header("ascii", first=first) + LINES.encode()
    check(content.replace(b"\n", end.encode()))
    check(content.replace(b"VERSION 0.7", b"VERSION .7"))


def test_commas_between_numbers():
    check(header("ascii") + LINES.replace(" ", ",").encode())


@pytest.mark.parametrize("first", ["# .PCD v.7\n", ""])
def test_binary(first):
    check(header("binary", first=first) + POINTS.tobytes())


OTHERS = {
    "fields": "rgb x _ y z normal",
    "sizes": "4 4 1 4 8 4",
    "kinds": "U F U F F F",
    "numbers": "1 1 4 1 1 3",
}


def with_others():
    kind = [
        ("rgb", "<u4"),
        ("x", "<f4"),
        ("p", "u1", 4),
        ("y", "<f4"),
        ("z", "<f8"),
        ("n", "<f4", 3),
    ]
    records = np.ones(300, kind)
    for place, name in enumerate("xyz"):
        records[name] = POINTS[:, place]
    return records


def test_other_fields():
    records = with_others()
    check(header("binary", **OTHERS) + records.tobytes())
    lines = "".join("9 {:.8f} 1 1 1 1 {:.8f} {:.8f} 0 0 1\n".format(*point) for point in POINTS)
    check(header("ascii", **OTHERS) + lines.encode())


def pack_lzf(content):
    """Runs of equal bytes as back references, everything else as it is."""
    packed, at = bytearray(), 0
    while at < len(content):
        run = 1
        while run < 264 and at + run < len(content) and content[at + run] == content[at]:
            run += 1
        packed += bytes([0, content[at]])
        at += 1
        length = run - 1 - 2
        if length >= 7:
            packed += bytes([7 << 5, length - 7, 0])
            at += run - 1
        elif length >= 1:
            packed += bytes([length << 5, 0])
            at += run - 1
    return bytes(packed)


def test_compressed():
    records = with_others()
    columns = b"".join(
        np.ascontiguousarray(records[name]).tobytes() for name in records.dtype.names
    )
    packed = pack_lzf(columns)
    assert unpack_lzf(packed, len(columns)) == columns
    sizes = struct.pack("<II", len(packed), len(columns))
    check(header("binary_compressed", **OTHERS) + sizes + packed)
    cut = refusal(header("binary_compressed", **OTHERS) + sizes + packed[:-20])
    assert cut.kind == "corrupt"


@pytest.mark.parametrize(
    "packed", [b"\xff\xff\xff", b"\x20\x05", b"\x05ab", b"\x00", b"\xe0", b"\x00a\xe0\xff\x00"]
)
def test_damaged_compression(packed):
    with pytest.raises(InputError):
        unpack_lzf(packed, 5)


def test_references_that_reach_into_themselves():
    assert unpack_lzf(b"\x01ab\x80\x01", 8) == b"ab" * 4


@pytest.mark.parametrize("data", ["ascii", "binary"])
def test_cut_off(data):
    body = LINES.encode() if data == "ascii" else POINTS.tobytes()
    assert refusal(header(data) + body[:-100]).kind == "corrupt"


def test_other_data():
    assert refusal(header("binary", "u v w") + POINTS.tobytes()).kind == "unsupported"
    assert refusal(header("base64") + POINTS.tobytes()).kind == "unsupported"
    assert refusal(header("binary", sizes="4 4") + POINTS.tobytes()).kind == "corrupt"


@pytest.mark.parametrize("damage", [{"sizes": "4 6 4"}, {"sizes": "4 -4 4"}, {"kinds": "F Q F"}])
def test_numbers_of_no_type(damage):
    error = refusal(header("binary", **damage) + POINTS.tobytes())
    assert (error.kind, error.message) == ("corrupt", "the PCD header is damaged")
