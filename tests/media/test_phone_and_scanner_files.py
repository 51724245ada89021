"""Pictures from phones, scanners and microscopes, with other data beside the pixels."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.source import Source
from tests import samples

PIXELS = samples.picture_array(256, 192)


def is_the_picture(content: bytes, name: str = "a") -> bool:
    """Whether a file is a still picture of PIXELS."""
    source = Source(name, content)
    detection = detect(source)
    picture = load_picture(source, detection.format)
    assert (detection.modality, picture.width, picture.height) == ("image", 256, 192)
    # JPEG blurs the borders of its blocks' colours.
    inner = np.abs(picture.pixels.astype(int) - PIXELS)[8::16, 8::16]
    return bool(inner.max() <= 4)


def jpeg(tmp_path, **options) -> bytes:
    path = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(path, quality=95, **options)
    return path.read_bytes()


def test_a_motion_photo(tmp_path):
    film = samples.make_av(tmp_path / "a.mp4", 1).read_bytes()
    assert is_the_picture(jpeg(tmp_path) + film, "MVIMG_20240101.jpg")


def test_a_photo_with_its_gain_map(tmp_path):
    path = tmp_path / "a.mpo"
    gain = Image.fromarray(255 - PIXELS).convert("L").convert("RGB").resize((64, 48))
    Image.fromarray(PIXELS).save(path, "MPO", save_all=True, append_images=[gain], quality=95)
    assert is_the_picture(path.read_bytes(), "a.jpg")


def png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, with a colour profile."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)),
        (b"iCCP", b"icc\0\0" + zlib.compress(bytes(200))),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_a_screenshot_of_16_bits_with_alpha_and_a_profile():
    deep = np.full((192, 256, 4), 65535, np.uint16)
    deep[..., :3] = PIXELS.astype(np.uint16) * 257
    assert is_the_picture(png(deep))


def tiff(
    pixels: np.ndarray,
    planes: bool,
    order: str,
    photometric: int = 2,
    extra: bool = False,
    deflate: bool = False,
) -> bytes:
    """A TIFF in two strips for each plane, or in two strips."""
    height, width, channels = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    layers = [pixels[..., i] for i in range(channels)] if planes else [pixels]
    strips = [layer[top : top + height // 2] for layer in layers for top in (0, height // 2)]
    data = [strip.astype(strip.dtype.newbyteorder(order)).tobytes() for strip in strips]
    data = [zlib.compress(strip) for strip in data] if deflate else data
    starts = np.cumsum([8, *map(len, data)])
    tags = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * channels),
        (259, 3, [8 if deflate else 1]),
        (262, 3, [photometric]),
        (273, 4, starts[:-1].tolist()),
        (277, 3, [channels]),
        (278, 4, [height // 2]),
        (279, 4, [len(each) for each in data]),
        (284, 3, [2 if planes else 1]),
    ]
    tags += [(338, 3, [2])] if extra else []
    tags += [(339, 3, [3])] if pixels.dtype.kind == "f" else []
    after = int(starts[-1]) + 2 + 12 * len(tags) + 4
    directory, values = struct.pack(f"{order}H", len(tags)), b""
    for tag, kind, numbers in tags:
        packed = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        directory += struct.pack(f"{order}HHI", tag, kind, len(numbers))
        if len(packed) > 4:
            directory += struct.pack(f"{order}I", after + len(values))
            values += packed + b"\0" * (len(packed) % 2)
        else:
            directory += packed.ljust(4, b"\0")
    front = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, starts[-1])
    return front + b"".join(data) + directory + bytes(4) + values


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_planes_of_a_microscope(order, depth, planes, alpha):
    top = np.iinfo(depth).max
    pixels = PIXELS.astype(depth) * depth(top // 255)
    if alpha:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], top, depth)])
    assert is_the_picture(tiff(pixels, planes, order, extra=alpha))


def ppm(pixels: np.ndarray) -> bytes:
    height, width, _ = pixels.shape
    return f"P6 {width} {height} 65535\n".encode() + pixels.astype(">u2").tobytes()


DEEP_FILES = {
    "png": png,
    "tiff": lambda pixels: tiff(pixels, False, "<"),
    "tiff of Motorola's order": lambda pixels: tiff(pixels, False, ">"),
    "tiff of planes": lambda pixels: tiff(pixels, True, "<"),
    "compressed tiff": lambda pixels: tiff(pixels, False, "<", deflate=True),
    "compressed tiff of Motorola's order": lambda pixels: tiff(pixels, False, ">", deflate=True),
    "ppm": ppm,
}


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("make", DEEP_FILES.values(), ids=list(DEEP_FILES))
def test_colours_of_fewer_bits_in_a_file_of_16(make, bits):
    scale = np.array([0, 0.2, 0.5, 1])
    colours = np.stack([scale, scale[::-1], 0 * scale], 1)
    pixels = np.rint([colours * (2**bits - 1)] * 2).astype(np.uint16)
    source = Source("a", make(pixels))
    picture = load_picture(source, detect(source).format)
    # Of 16 bits Pillow leaves out the lower byte, instead of rounding.
    assert np.abs(picture.pixels - colours * 255).max() <= (1 if bits == 16 else 0.51)


@pytest.mark.parametrize("alpha_bits", [12, 16])
def test_alpha_beside_colours_of_12_bits(alpha_bits):
    pixels = np.zeros((2, 2, 4), np.uint16)
    pixels[..., 0], pixels[:, 0, 3] = 4095, 2**alpha_bits - 1
    for content in (png(pixels), tiff(pixels, False, "<", extra=True)):
        source = Source("a", content)
        picture = load_picture(source, detect(source).format)
        assert picture.pixels[0].tolist() == [[255, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
        {"compression": "jpeg", "quality": 95},
        {"compression": "packbits"},
        {"big_tiff": True},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_pages_of_a_scanner(tmp_path, options):
    path = tmp_path / "a.tif"
    pages = [Image.fromarray(255 - PIXELS)] * 2
    Image.fromarray(PIXELS).save(path, save_all=True, append_images=pages, **options)
    assert is_the_picture(path.read_bytes())
    assert load_picture(Source(str(path)), "tiff").facts["frames"] == 3


def grey_of(content: bytes) -> list[int]:
    return load_picture(Source("a.tif", content), "tiff").pixels[0, :, 0].tolist()


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_zero_is_white(depth):
    top = 1 if depth is np.float32 else np.iinfo(depth).max
    pixels = np.array([[0, top / 5, top]] * 2, depth)[..., None]
    assert grey_of(tiff(pixels, False, "<", photometric=0)) == [255, 204, 0]
    assert grey_of(tiff(pixels, False, "<", photometric=1)) == [0, 51, 255]


def test_zero_is_white_in_a_compressed_file(tmp_path):
    path = tmp_path / "a.tif"
    grey = Image.fromarray(np.array([[0, 13107, 65535]], np.uint16))
    grey.save(path, compression="tiff_lzw", tiffinfo={262: 0})
    assert grey_of(path.read_bytes()) == [255, 204, 0]


def test_unsigned_numbers_of_32_bits():
    pixels = np.array([[0, 2**31, 2**32 - 1]] * 2, np.uint32)[..., None]
    assert grey_of(tiff(pixels, False, "<", photometric=1)) == [0, 128, 255]


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "tiff_lzw"])
def test_a_fax(tmp_path, compression):
    page = np.where(PIXELS[..., 0] > 0, 255, 0).astype(np.uint8)
    path = tmp_path / "a.tif"
    Image.fromarray(page).convert("1").save(path, compression=compression)
    pixels = load_picture(Source(str(path)), "tiff").pixels
    assert (pixels == page[..., None]).all()
