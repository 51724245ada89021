"""Pictures are upright and in RGB, however they are stored."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media import pixels
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source
from tests import samples

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def load(path, format=None, **options):
    return load_picture(Source(str(path)), format or path.suffix[1:], **options)


def close(pixel, colour, tolerance=8):
    return np.abs(pixel.astype(int) - colour).max() <= tolerance


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jpg", "jpeg"),
        ("a.png", "png"),
        ("a.webp", "webp"),
        ("a.bmp", "bmp"),
        ("a.tiff", "tiff"),
        ("a.gif", "gif"),
        ("a.avif", "avif"),
        ("a.ppm", "ppm"),
        ("a.jp2", "jp2"),
    ],
)
def test_every_format(tmp_path, name, format):
    picture = load(samples.make_picture(tmp_path / name), format)
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.pixels.dtype == np.uint8
    assert (picture.width, picture.height) == (64, 48)
    for (row, column), colour in {(8, 8): RED, (8, 56): GREEN, (40, 32): BLUE}.items():
        assert close(picture.pixels[row, column], colour, 16)


# Where each orientation stores the pixels of an upright picture.
_STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpeg", "tiff", "png", "webp"])
def test_exif_orientation(tmp_path, orientation, format):
    upright = samples.picture_array()
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{format}"
    options = {"lossless": True} if format == "webp" else {}
    Image.fromarray(np.ascontiguousarray(_STORED[orientation](upright))).save(
        path, exif=exif, **options
    )
    picture = load(path)
    assert (picture.width, picture.height) == (64, 48)
    assert picture.pixels.shape == upright.shape
    # Away from the edges, where JPEG blurs.
    inside = np.s_[4:20, 4:28], np.s_[4:20, 36:60], np.s_[28:44, 4:60]
    assert all(close(picture.pixels[part], upright[part]) for part in inside)
    assert picture.facts.get("exif_orientation", 1) == orientation


def test_damaged_exif_is_ignored(tmp_path):
    path = samples.make_picture(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert load(path, "jpeg").pixels.shape == (48, 64, 3)


def test_reduced_jpeg_keeps_the_full_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = samples.make_picture(tmp_path / "a.jpg", 800, 600, exif=exif)
    picture = load(path, "jpeg", at_least=100)
    assert (picture.width, picture.height) == (600, 800)
    assert picture.pixels.shape == (200, 150, 3)
    assert load(path, "jpeg", at_least=301).pixels.shape == (800, 600, 3)
    assert load(path, "jpeg").pixels.shape == (800, 600, 3)


def test_alpha_is_composited_over_white(tmp_path):
    rgba = np.zeros((4, 6, 4), np.uint8)
    rgba[:, 2:4] = (255, 0, 0, 255)
    rgba[:, 4:] = (0, 0, 0, 128)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    pixels = load(tmp_path / "a.png").pixels
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[0, 2].tolist() == [255, 0, 0]
    assert pixels[0, 4].tolist() == [127, 127, 127]


def test_grey_with_alpha(tmp_path):
    la = Image.fromarray(np.array([[[0, 0], [100, 255]]], np.uint8), "LA")
    la.save(tmp_path / "a.png")
    assert load(tmp_path / "a.png").pixels[0].tolist() == [[255] * 3, [100] * 3]


def test_transparent_palette(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 0, 0])
    palette.putdata([0, 1])
    palette.save(tmp_path / "a.png", transparency=0)
    assert load(tmp_path / "a.png").pixels[0].tolist() == [[255] * 3, [200, 0, 0]]


def test_palette_grey_and_one_bit(tmp_path):
    image = Image.fromarray(samples.picture_array())
    for mode in ("P", "L", "1"):
        image.convert(mode).save(tmp_path / "a.png")
        picture = load(tmp_path / "a.png")
        assert picture.pixels.shape == (48, 64, 3)
        assert picture.facts["mode"] == mode
        expected = np.asarray(image.convert(mode).convert("RGB"))
        assert np.array_equal(picture.pixels, expected)


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_cmyk(tmp_path, format):
    path = tmp_path / f"a.{format}"
    Image.fromarray(samples.picture_array()).convert("CMYK").save(path)
    picture = load(path)
    assert picture.facts["mode"] == "CMYK"
    assert close(picture.pixels[8, 8], RED, 12)


@pytest.mark.parametrize("format", ["png", "tiff"])
@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
def test_16_bit_is_scaled_by_its_depth(tmp_path, format, depth):
    top = 2**depth - 1
    values = np.array([[0, top // 2, top]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{format}")
    assert load(tmp_path / f"a.{format}").pixels[0, :, 0].tolist() == [0, 127, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 0.51, 1.02], [0, 128, 255]),
        ([4.0, 2.0, 8.0], [128, 64, 255]),
        ([0.0, 8.0, 16.0], [0, 8, 16]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([0.0, 500.0, 1000.0], [0, 128, 255]),
        ([np.nan, 0.5, 1.0], [128, 128, 255]),
        ([7e4, 7e4, 7e4], [0, 0, 0]),
    ],
)
def test_float_tiff(tmp_path, values, expected):
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tiff")
    assert load(tmp_path / "a.tiff").pixels[0, :, 0].tolist() == expected


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays(tmp_path, suffix):
    save = np.save if suffix == "npy" else np.savez
    upright = samples.picture_array()
    path = tmp_path / f"a.{suffix}"
    opaque = np.dstack([upright, np.full((48, 64), 255, np.uint8)])
    for stored in (upright, upright / 255.0, opaque, upright.astype(np.float32)):
        save(path, stored)
        assert np.array_equal(load(path).pixels, upright)
    save(path, upright[..., 0])
    assert np.array_equal(load(path).pixels, upright[..., :1].repeat(3, 2))


def test_first_frame_of_an_animation(tmp_path):
    path = samples.make_animation(tmp_path / "a.gif", [100, 100])
    picture = load(path)
    assert picture.pixels.max() == 0
    assert picture.facts["frames"] == 2


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.gif", "a.webp", "a.avif", "a.jp2"])
def test_cut_off(tmp_path, name):
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError) as caught:
        load(path, {"jpg": "jpeg"}.get(path.suffix[1:]))
    assert caught.value.kind == "corrupt"
    assert str(tmp_path) not in caught.value.message


def test_bombs_are_refused_unread(tmp_path, monkeypatch):
    path = samples.make_picture(tmp_path / "a.png", 100, 100)
    monkeypatch.setattr(pixels, "MAX_PIXELS", 9_999)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind == "too_large"


def test_giant_header_is_refused(tmp_path):
    content = bytearray(samples.make_picture(tmp_path / "a.bmp").read_bytes())
    content[18:26] = (60_000).to_bytes(4, "little") * 2
    with pytest.raises(InputError) as caught:
        load_picture(Source("-", bytes(content)), "bmp")
    assert caught.value.kind == "too_large"
    assert caught.value.message.startswith("3,600,000,000 pixels: at most 200,000,000 pixels")


def test_giant_array_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((4, 4, 3), np.uint8))
    content = path.read_bytes().replace(b"(4, 4, 3)", b"(9000, 9000, 3)")
    content = content.replace(b" " * 10, b" " * 4, 1)
    with pytest.raises(InputError) as caught:
        load_picture(Source("-", content), "npy")
    assert caught.value.kind == "corrupt"


def test_no_area():
    with pytest.raises(InputError) as caught:
        load_picture(Source("-", b"P5 0 4 255\n"), "ppm")
    assert caught.value.kind == "corrupt"


@pytest.mark.parametrize(
    ("mode", "factor"), [("RGB", 3), ("RGBA", 3), ("L", 3), ("P", 3), ("I;16", 3)]
)
def test_very_large_pictures_are_reduced(tmp_path, monkeypatch, mode, factor):
    """By whole factors, after they were turned upright."""
    monkeypatch.setattr("perceiver_cli.media.pixels.LARGE_PIXELS", 1000)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.tiff"
    image = Image.fromarray(samples.picture_array(90, 60))
    image.convert("L" if mode == "I;16" else mode).convert(mode).save(path, exif=exif)
    picture = load(path, at_least=20)
    assert (picture.width, picture.height) == (60, 90)
    assert picture.pixels.shape == (90 // factor, 60 // factor, 3)
    whole = load(path).pixels
    assert whole.shape == (90, 60, 3)
    assert close(picture.pixels[-1, -1], whole[-1, -1])
    assert close(picture.pixels[0, 0], whole[0, 0])


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.tga", "tga"),
        ("a.pcx", "pcx"),
        ("a.ico", "ico"),
        ("a.sgi", "sgi"),
    ],
)
def test_rarer_formats(tmp_path, name, format):
    side = 64
    path = tmp_path / name
    Image.fromarray(samples.picture_array(side, side)).save(path)
    detection = detect(Source(str(path)))
    assert (detection.modality, detection.format) == ("image", format)
    picture = load(path, format)
    assert (picture.width, picture.height) == (side, side)
    for (row, column), colour in {(8, 8): RED, (8, 56): GREEN, (60, 32): BLUE}.items():
        assert close(picture.pixels[row, column], colour)


@pytest.mark.parametrize(
    ("kind", "bits", "stored"),
    [(2, 32, b"\x00\x00\xff\x00"), (2, 16, b"\x00\xfc"), (10, 32, b"\x80\x00\x00\xff\x00")],
)
def test_alpha_of_a_tga_that_declares_none_is_ignored(kind, bits, stored):
    def read(alpha_bits):
        head = struct.pack("<BBBHHBHHHHBB", 0, 0, kind, 0, 0, 0, 0, 0, 1, 1, bits, alpha_bits)
        return load_picture(Source("a.tga", head + stored), "tga").pixels[0, 0].tolist()

    assert read(0) == [255, 0, 0]
    assert read(8 if bits == 32 else 1) == [255, 255, 255]


def test_a_variant_of_tga_that_pillow_does_not_know_is_no_damage():
    # Runs of equal pixels that go on in the next row.
    content = struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, 4, 4, 24, 0) + b"\x8fabc"
    with pytest.raises(InputError) as caught:
        load_picture(Source("a.tga", content), detect(Source("a.tga", content)).format)
    assert caught.value.kind == "unsupported"
    assert "this variant of TGA" in caught.value.message


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_mac_icons(tmp_path, mode):
    path = tmp_path / "a.icns"
    Image.fromarray(samples.picture_array(64, 64)).convert(mode).save(path)
    picture = load(path, detect(Source(str(path))).format)
    assert close(picture.pixels[-10, picture.width // 2], BLUE)


def psd_of_one_colour(width, height, colour):
    size = height.to_bytes(4, "big") + width.to_bytes(4, "big")
    head = b"8BPS\0\1" + bytes(6) + b"\0\3" + size + b"\0\x08\0\3" + bytes(12)
    return head + b"\0\0" + b"".join(bytes([each]) * (width * height) for each in colour)


def test_the_whole_of_a_photoshop_document():
    source = Source("a", psd_of_one_colour(20, 10, (200, 100, 50)))
    picture = load_picture(source, detect(source).format)
    assert picture.pixels.shape == (10, 20, 3)
    assert (picture.pixels == (200, 100, 50)).all()


def test_float_picture_of_one_channel(tmp_path):
    path = tmp_path / "a.pfm"
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(path)
    assert load(path, detect(Source(str(path))).format).pixels[0, :, 0].tolist() == [0, 128, 255]


def test_lab(tmp_path):
    from PIL import ImageCms

    image = Image.fromarray(samples.picture_array())
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB").save(tmp_path / "a.tiff")
    picture = load(tmp_path / "a.tiff")
    assert picture.facts["mode"] == "LAB"
    assert close(picture.pixels[8, 8], RED, 12)


def test_conversion_keeps_little_beside_the_picture(monkeypatch):
    """16-bit pictures are read in strips: never one array of float64, or of int32, as large."""
    import tracemalloc

    monkeypatch.setattr(pixels, "STRIP_PIXELS", 2**14)
    deep = Image.fromarray(np.zeros((1000, 1000), np.uint16))
    tracemalloc.start()
    made = pixels.to_rgb_array(deep)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.nbytes == 3_000_000
    assert peak < 4_000_000


def test_many_pages_give_the_first(tmp_path):
    first, second = Image.new("L", (8, 6), 10), Image.new("L", (8, 6), 200)
    first.save(tmp_path / "a.tiff", save_all=True, append_images=[second])
    picture = load(tmp_path / "a.tiff")
    assert picture.pixels.max() == 10
    assert picture.facts["frames"] == 2


def test_two_pictures_in_one_jpeg(tmp_path):
    """As phones store portraits and panoramas."""
    path = tmp_path / "a.jpg"
    first = Image.fromarray(samples.picture_array())
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert close(load(path, "jpeg").pixels[8, 8], RED)
    assert detect(Source(str(path))).modality == "image"


def test_odd_bmp_bitfields_are_unsupported(tmp_path):
    head = b"BM" + (14 + 40 + 12 + 8).to_bytes(4, "little") + bytes(4) + (66).to_bytes(4, "little")
    info = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, 8, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF000, 0x00F0, 0x0003)
    with pytest.raises(InputError) as caught:
        load_picture(Source("a.bmp", head + info + masks + bytes(8)), "bmp")
    assert caught.value.kind == "unsupported"
    assert "BMP" in caught.value.message


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize(
    "options", [{"compression": "tiff_lzw"}, {"compression": "tiff_lzw", "big_tiff": True}, {}]
)
def test_a_truncated_tiff_is_corrupt(tmp_path, share, options):
    """libtiff writes the directory last, Pillow first."""
    path = tmp_path / "a.tiff"
    Image.effect_noise((90, 60), 60).save(path, **options)
    load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind == "corrupt"
    assert "cut off" in caught.value.message


@pytest.mark.parametrize("options", [{}, {"big_tiff": True}, {"compression": "packbits"}])
def test_pages_that_are_cut_off_have_a_note(options):
    page = Image.effect_noise((90, 60), 60)
    stream = BytesIO()
    page.save(stream, "TIFF", save_all=True, append_images=[page] * 4, **options)
    content = stream.getvalue()
    first = load_picture(Source("a.tiff", content), "tiff")
    assert first.notes == ()
    for share in (0.3, 0.5, 0.95, 0.99):
        cut = load_picture(Source("a.tiff", content[: int(share * len(content))]), "tiff")
        (note,) = cut.notes
        assert "pages after the first" in note
        assert (cut.pixels == first.pixels).all()


@pytest.mark.parametrize("big_tiff", [False, True])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_that_ends_within_the_values_of_its_directory_is_corrupt(compression, big_tiff):
    """Values of more than a few bytes, such as the description, stand outside the directory."""
    stream = BytesIO()
    options = {"compression": compression, "big_tiff": big_tiff, "description": "a" * 40}
    Image.new("RGB", (9, 6)).save(stream, "TIFF", **options)
    content = stream.getvalue()
    with pytest.raises(InputError) as caught:
        load_picture(Source("a.tiff", content[: content.index(b"a" * 40) + 9]), "tiff")
    assert caught.value.kind == "corrupt"
    assert "cut off" in caught.value.message


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_a_truncated_picture_has_no_damaged_header(tmp_path, format):
    path = tmp_path / f"a.{format}"
    Image.effect_noise((300, 200), 60).convert("RGB").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 95 // 100])
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.message == f"the {format.upper()} file is cut off or damaged"
