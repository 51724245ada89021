"""HEIC photos are read with pillow-heif; without it, the message names it."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source
from tests import samples
from tests.heif_tiles import heic_of_tiles, heic_tile


def heic(**options) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    image = Image.fromarray(samples.picture_array(128, 96))
    image.save(buffer, "HEIF", quality=95, **options)
    return buffer.getvalue()


def test_heic_is_read():
    source = Source("IMG_0001.HEIC", heic())
    detection = detect(source)
    assert (detection.modality, detection.format) == ("image", "heic")
    picture = load_picture(source, "heic")
    assert picture.pixels.shape == (96, 128, 3)
    assert np.abs(picture.pixels[20, 20].astype(int) - (255, 0, 0)).max() < 12


def test_heic_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = load_picture(Source("a", heic(exif=exif.tobytes())), "heic")
    assert (picture.width, picture.height) == (96, 128)
    # Red was top left, so it is top right when turned clockwise.
    assert np.abs(picture.pixels[20, 76].astype(int) - (255, 0, 0)).max() < 12


def test_the_number_of_pictures_is_stated():
    second = Image.new("RGB", (128, 96))
    picture = load_picture(Source("a", heic(save_all=True, append_images=[second])), "heic")
    assert np.abs(picture.pixels[20, 20].astype(int) - (255, 0, 0)).max() < 12
    assert picture.facts["frames"] == 2
    assert "frames" not in load_picture(Source("a", heic()), "heic").facts


def photo_of_tiles(chroma: int = 420) -> bytes:
    """As phones write them: 100 x 120 pixels in tiles of 64, each of another grey."""
    pytest.importorskip("pillow_heif")
    tiles = [
        heic_tile(np.full((64, 64, 3), grey, np.uint8), chroma=chroma)
        for grey in (50, 100, 150, 200)
    ]
    return heic_of_tiles(tiles, 2, 2, (100, 120))


def test_a_photo_of_tiles():
    picture = load_picture(Source("a", photo_of_tiles()), "heic")
    assert (picture.width, picture.height) == (100, 120)
    assert picture.pixels.shape == (120, 100, 3)
    corners = picture.pixels[[10, 10, 110, 110], [10, 90, 10, 90]]
    assert np.abs(corners.astype(int).T - (50, 100, 150, 200)).max() <= 2


@pytest.mark.parametrize(
    ("content", "share"),
    [(heic, 1), (photo_of_tiles, 1), (lambda: photo_of_tiles(444), 10 / 12)],
    ids=["whole", "tiles", "tiles in full colour"],
)
def test_how_large_a_photo_may_be(monkeypatch, content, share):
    photo = content()
    pixels = load_picture(Source("a", photo), "heic").pixels[..., 0].size
    for most, fits in ((pixels / share + 5, True), (pixels / share - 5, False)):
        monkeypatch.setattr("perceiver_cli.media.pixels.MAX_PIXELS", int(most))
        monkeypatch.setattr("perceiver_cli.media.pillow.MAX_PIXELS", int(most))
        if fits:
            load_picture(Source("a", photo), "heic")
            continue
        with pytest.raises(InputError) as caught:
            load_picture(Source("a", photo), "heic")
        assert caught.value.kind == "too_large"


def test_damage_is_corrupt():
    content = heic()
    for cut in (60, len(content) // 2):
        source = Source("a.heic", content[:cut])
        with pytest.raises(InputError) as caught:
            load_picture(source, detect(source).format)
        assert caught.value.kind == "corrupt"


def test_without_its_library_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    with pytest.raises(InputError) as caught:
        detect(Source("a.heic", content))
    assert caught.value.kind == "missing_library"
    assert "HEIC" in caught.value.message
    assert "pillow-heif" in caught.value.message


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(
    ("kind", "told"),
    [(b"unci", "without compression"), (b"j2k1", "JPEG 2000"), (b"avc1", "H.264")],
)
@pytest.mark.parametrize("version", [2, 3])
def test_codings_that_no_decoder_reads_are_named(kind, told, version):
    pytest.importorskip("pillow_heif")
    number = struct.pack(">H" if version == 2 else ">I", 1)
    entry = box(b"infe", bytes([version, 0, 0, 0]) + number + b"\0\0" + kind + b"\0")
    items = box(b"iinf", bytes(4) + b"\0\1" + entry)
    handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))
    content = box(b"ftyp", b"mif1\0\0\0\0mif1") + box(b"meta", bytes(4) + handler + items)
    with pytest.raises(InputError) as caught:
        detect(Source("a.heif", content))
    assert caught.value.kind == "unsupported"
    assert told in caught.value.message
