"""JPEG 2000 with faulty headers is read as in viewers; unsupported kinds are named."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.errors import InputError
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source
from tests import samples

CODE_STREAM = b"\xff\x4f\xff\x51"
TILE_PART = b"\xff\x90\0\x0a"


def jp2(mode: str = "RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(samples.picture_array()).convert(mode).save(buffer, "jpeg2000", **options)
    return buffer.getvalue()


def load(content: bytes):
    return load_picture(Source("a.jp2", content), "jp2")


def wrong_part_count(content: bytes) -> bytes:
    """Each tile has two parts, the second one empty, and is said to have one."""
    at = content.find(TILE_PART)
    while at >= 0:
        tile, length = struct.unpack_from(">HI", content, at + 4)
        empty = TILE_PART + struct.pack(">HIBB", tile, 14, 1, 1) + b"\xff\x93"
        end = at + length
        content = content[: at + 11] + b"\1" + content[at + 12 : end] + empty + content[end:]
        at = content.find(TILE_PART, end + len(empty))
    start = content.find(b"jp2c") - 4
    return content[:start] + struct.pack(">I", 0) + content[start + 4 :]


def without_profile(content: bytes) -> bytes:
    """The box of colours is that of an ICC profile, and empty."""
    at = content.find(b"colr") + 4
    short = content[: at - 8] + struct.pack(">I4sBBB", 11, b"colr", 2, 0, 0) + content[at + 7 :]
    header = content.find(b"jp2h")
    length = int.from_bytes(content[header - 4 : header], "big") - 4
    return short[: header - 4] + length.to_bytes(4, "big") + short[header:]


def with_bad_resolution(content: bytes) -> bytes:
    """A box of the resolution that names a longer one inside."""
    box = struct.pack(">I4sI4s", 26, b"res ", 99, b"resc") + bytes(10)
    at = content.find(b"jp2h")
    length = int.from_bytes(content[at - 4 : at], "big")
    end = at - 4 + length
    return (
        content[: at - 4] + (length + 26).to_bytes(4, "big") + content[at:end] + box + content[end:]
    )


def without_end(content: bytes) -> bytes:
    return content[:-2]


REPAIRS = [wrong_part_count, without_profile, with_bad_resolution, without_end]


@pytest.mark.parametrize("damage", REPAIRS)
def test_faults_of_headers_are_repaired(damage):
    whole = jp2(tile_size=(32, 32))
    assert load(whole).notes == ()
    content = damage(whole)
    assert content != whole
    picture = load(content)
    assert np.array_equal(picture.pixels, samples.picture_array())
    assert "repaired" in picture.notes[0]


def test_a_code_stream_without_boxes():
    whole = jp2(tile_size=(32, 32))
    bare = whole[whole.find(CODE_STREAM) :]
    picture = load(bare[:-2])
    assert np.array_equal(picture.pixels, samples.picture_array())
    assert picture.notes


def test_grey_stays_grey():
    picture = load(without_end(jp2("L")))
    assert np.ptp(picture.pixels, axis=2).max() == 0


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_one_that_is_cut_off_stays_corrupt(share):
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "jpeg2000", tile_size=(32, 32))
    with pytest.raises(InputError) as caught:
        load(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    assert caught.value.kind == "corrupt"


@pytest.mark.parametrize(("number", "name"), [(14, "CIELab"), (24, "e-sYCC"), (13, "YCCK")])
def test_colours_that_would_be_read_wrongly_are_refused(number, name):
    content = jp2().replace(
        struct.pack(">4s3BI", b"colr", 1, 0, 0, 16), b"%b\1\0\0\0\0\0%c" % (b"colr", number)
    )
    with pytest.raises(InputError) as caught:
        load(content)
    assert caught.value.kind == "unsupported"
    assert name in caught.value.message


@pytest.mark.parametrize(
    ("offset", "value", "says"), [(40, b"\0\5", "5 channels"), (43, b"\2\1", "not square")]
)
def test_channels_that_cannot_be_read_are_named(offset, value, says):
    content = jp2("L")
    at = content.find(CODE_STREAM) + offset
    with pytest.raises(InputError) as caught:
        load(content[:at] + value + content[at + len(value) :])
    assert caught.value.kind == "unsupported"
    assert says in caught.value.message
