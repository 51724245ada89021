"""PNG files are read despite damage in chunks that no pixel depends on."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.errors import InputError
from perceiver_cli.media.animation import load_animation
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from tests import samples

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(name: bytes, content: bytes, damage: int = 0) -> bytes:
    checksum = zlib.crc32(name + content) ^ damage
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(*extras: bytes, image: Image.Image | None = None, **options) -> bytes:
    """A PNG with chunks put in behind its header."""
    buffer = io.BytesIO()
    (image or Image.fromarray(samples.picture_array())).save(buffer, "png", **options)
    content = buffer.getvalue()
    behind_header = len(SIGNATURE) + 25
    return content[:behind_header] + b"".join(extras) + content[behind_header:]


def load(content: bytes):
    return load_picture(Source("a.png", content), "png")


LONG = zlib.compress(bytes(3 * 2**20))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + LONG),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + LONG),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + LONG),
        chunk(b"zTXt", b"Raw profile type exif\0\0not compressed at all"),
        chunk(b"iCCP", b"profile\0\0" + LONG),
        chunk(b"tEXt", b"Comment\0hello", damage=1),
        chunk(b"eXIf", b"MM\0*", damage=1),
        chunk(b"tRNS", bytes(6), damage=1),
        chunk(b"acTL", struct.pack(">II", 9, 0), damage=1),
        chunk(b"pHYs", b"too short", damage=1),
        chunk(b"prVt", bytes(2_000_000)),
    ],
)
def test_ancillary_chunks_are_no_reason_to_refuse_a_picture(extra):
    assert np.array_equal(load(png(extra)).pixels, samples.picture_array())


def test_a_damaged_header_is_corrupt():
    content = bytearray(png())
    content[len(SIGNATURE) + 8 + 13] ^= 1
    with pytest.raises(InputError) as caught:
        load(bytes(content))
    assert caught.value.kind == "corrupt"


def with_damaged_pixels(content: bytes) -> bytes:
    """The PNG with zeros in the middle of its first IDAT chunk."""
    middle = (content.index(b"IDAT") + len(content)) // 2
    return content[:middle] + bytes(30) + content[middle + 30 :]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "I;16"])
def test_damaged_pixels_are_corrupt(mode):
    noise = np.random.default_rng(0).integers(0, 256, (160, 120), np.uint8)
    content = png(image=Image.fromarray(noise).convert(mode))
    assert load(content).pixels.any()
    with pytest.raises(InputError) as caught:
        load(with_damaged_pixels(content))
    assert caught.value.kind == "corrupt"


def test_damage_in_the_first_frame_of_an_animation_is_corrupt():
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (3, 160, 120, 3), np.uint8)
    first, *others = (Image.fromarray(frame) for frame in noise)
    first.save(buffer, "png", save_all=True, append_images=others, duration=100)
    content, spec = buffer.getvalue(), VideoSpec(3, 0.2, 1, 16, None)
    start = content.index(b"IDAT") + 1000
    damaged = content[:start] + bytes(30) + content[start + 30 :]
    with pytest.raises(InputError) as caught:
        load_animation(Source("a.png", damaged), "png", spec)
    assert caught.value.kind == "corrupt"


@pytest.mark.parametrize("packed", [False, True])
def test_orientation_in_a_text_of_imagemagick(packed):
    exif = Image.Exif()
    exif[0x0112] = 6
    text = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n".encode()
    name, head = (b"zTXt", b"\0\0") if packed else (b"tEXt", b"\0")
    told = chunk(name, b"Raw profile type exif" + head + (zlib.compress(text) if packed else text))
    picture = load(png(told))
    assert (picture.width, picture.height) == (48, 64)
    assert picture.facts["exif_orientation"] == 6


def test_transparency_and_animation_are_kept():
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 0, 0])
    palette.putdata([0, 1])
    made = png(image=palette, transparency=0)
    assert load(made).pixels[0].tolist() == [[255] * 3, [200, 0, 0]]


def test_apples_own_variant_is_unsupported():
    content = png()
    with pytest.raises(InputError) as caught:
        load(SIGNATURE + chunk(b"CgBI", bytes(4)) + content[len(SIGNATURE) :])
    assert caught.value.kind == "unsupported"
    assert "iOS" in caught.value.message


def test_what_stands_behind_the_end_is_left_alone():
    assert np.array_equal(load(png() + bytes(5000)).pixels, samples.picture_array())
