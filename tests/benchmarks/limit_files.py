"""Files that just pass the limits of media/limits.py, each made by a function of MAKERS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.heif_tiles import heic_of_tiles, heic_tile

WIDTH = 16_000


def _picture(mode: str, bytes_a_pixel: int = 10, **options: Any) -> Callable[..., None]:
    """A picture of a format, with its bytes per pixel from media/pillow.py."""

    def make(path: Path, values: dict[str, int]) -> None:
        from PIL import Image

        pixels = values["MAX_PIXELS"] * 10 // bytes_a_pixel
        size = WIDTH, pixels // WIDTH
        tile = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
        picture = Image.new("RGB", size)
        for left in range(0, size[0], 256):
            for top in range(0, size[1], 256):
                picture.paste(tile, (left, top))
        picture.convert(mode).save(path, **options)

    return make


def _array(dtype: str, width: int, limit: str, each: int, order: str = "C") -> Callable[..., None]:
    """Rows of `width` numbers, or a picture where the limit is one of pixels."""

    def make(path: Path, values: dict[str, int]) -> None:
        count = values[limit] // each
        picture = limit == "MAX_PIXELS" or order == "F"
        shape = (8_000, count // 8_000, width) if picture else (count, width)
        header = {"descr": dtype, "fortran_order": order == "F", "shape": shape}
        numbers = np.random.default_rng(0).random(2**20) * 200
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            _write(file, numbers.astype(dtype).tobytes(), int(np.prod(shape)) * int(dtype[2]))

    return make


def _write(file: Any, block: bytes, size: int) -> None:
    while size > 0:
        size -= file.write(block[:size])


def _mesh(path: Path, values: dict[str, int]) -> None:
    """The maximum number of triangles, each of which is held three times."""
    face = np.array([(3, (0, 1, 2))], np.dtype([("n", "u1"), ("corners", "<i4", 3)])).tobytes()
    count = (values["MAX_SHAPE_BYTES"] - 1_000) // len(face)
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 3\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += f"element face {count}\nproperty list uchar int vertex_indices\nend_header\n"
    with path.open("wb") as file:
        file.write(head.encode() + np.eye(3, dtype="<f4").tobytes())
        _write(file, face * 2**16, count * len(face))


def _records(path: Path, values: dict[str, int]) -> None:
    """Points whose coordinates are of different types, so that they need more than the file."""
    kind = np.dtype([("x", "u1"), ("y", "u1"), ("z", "<f8")])
    count = values["MAX_ARRAY_BYTES"] // 24
    block = np.zeros(2**16, kind)
    block["x"], block["y"], block["z"] = (np.arange(len(block)) // 7**i % 50 for i in range(3))
    header = {"descr": kind.descr, "fortran_order": False, "shape": (count,)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        _write(file, block.tobytes(), count * kind.itemsize)


def _mixed_types(path: Path, values: dict[str, int]) -> None:
    """The same as a PLY file, with a few triangles."""
    kind = np.dtype([("x", "u1"), ("y", "u1"), ("z", "<f8")])
    count = 2 * values["MAX_SHAPE_BYTES"] // 24
    block = np.zeros(2**16, kind)
    block["x"], block["y"], block["z"] = (np.arange(len(block)) // 7**i % 50 for i in range(3))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\n"
    head += "property uchar x\nproperty uchar y\nproperty double z\n"
    head += "element face 100\nproperty list uchar int vertex_indices\nend_header\n"
    faces = b"".join(b"\3" + np.array([i, i + 51, i + 999], "<i4").tobytes() for i in range(100))
    with path.open("wb") as file:
        file.write(head.encode())
        _write(file, block.tobytes(), count * kind.itemsize)
        file.write(faces)


def _text(line: bytes) -> Callable[..., None]:
    def make(path: Path, values: dict[str, int]) -> None:
        # The coordinates take 24 bytes a line, the text fewer or more.
        count = values["MAX_SHAPE_BYTES"] // max(24, len(line))
        with path.open("wb") as file:
            _write(file, line * 2**16, len(line) * count)

    return make


def _tiles(deep: bool = False, bytes_a_pixel: int = 10, **options: Any) -> Callable[..., None]:
    """A photo of a phone, which consists of tiles; deep: of 10 bits."""

    def make(path: Path, values: dict[str, int]) -> None:
        from PIL import Image

        side = 512
        noise = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
        pixels = np.asarray(Image.fromarray(noise).resize((side, side)))
        if deep:
            pixels = pixels.astype(np.uint16) * 257
        tiles = [heic_tile(np.roll(pixels, 100 * i, 1), **options) for i in range(3)]
        columns = 25
        height = values["MAX_PIXELS"] * 10 // bytes_a_pixel // (columns * side)
        content = heic_of_tiles(tiles, columns, -(-height // side), (columns * side, height), 2**25)
        path.write_bytes(content)

    return make


def _whole_heic(path: Path, values: dict[str, int]) -> None:
    """A photo that is coded as one picture, as converters on computers write it."""
    from PIL import Image

    # HEVC permits no more in one picture.
    most = min(values["MAX_PIXELS"], 142_000_000)
    pixels = np.zeros((most // WIDTH, WIDTH, 3), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    pixels[:64, :64] = np.asarray(Image.fromarray(noise).resize((64, 64)))
    path.write_bytes(heic_tile(pixels, quality=30, enc_params={"preset": "ultrafast"}))


def _animation(frames: int = 4, bytes_a_pixel: int = 20, **options: Any) -> Callable[..., None]:
    """A few frames as large as permitted, each drawn on the one before."""

    def make(path: Path, values: dict[str, int]) -> None:
        from PIL import Image

        size = WIDTH, values["MAX_PIXELS"] * 10 // bytes_a_pixel // WIDTH
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
        tile = Image.fromarray(noise, "RGBA").resize((512, 512))
        images = []
        for index in range(frames):
            image = Image.new("RGBA", size, (50 * index, 90, 120, 255))
            for left in range(0, size[0], 2048):
                image.paste(tile, (left, 512 * index))
            images.append(image if path.suffix != ".gif" else image.convert("P"))
        images[0].save(path, save_all=True, append_images=images[1:], duration=80, **options)

    return make


def _film(
    codec: str, pixels: str, share: float, frames: int = 24, **options: str
) -> Callable[..., None]:
    """A video whose frames have a share of the maximum pixels of a picture."""

    def make(path: Path, values: dict[str, int]) -> None:
        import av

        width = WIDTH // 2
        height = int(values["MAX_PIXELS"] / share / width) // 2 * 2
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=10, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, pixels
            stream.codec_context.thread_count = 1
            for index in range(frames):
                picture = np.full((height, width), 10 * index, np.uint8)
                picture[:64, :512] = np.random.default_rng(index).integers(0, 256, (64, 512))
                frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format=pixels)
                frame.pts = index
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return make


def _lines(vertex: bytes, face: bytes, face_bytes: int = 12, head: str = "") -> Callable[..., None]:
    """A text with the maximum number of vertices and faces.

    Args:
        vertex: Some lines of equal length.
        face: Some lines of equal length.
        face_bytes: What the triangles of such a line take.
        head: What stands before both; {} are their numbers.
    """

    def make(path: Path, values: dict[str, int]) -> None:
        most = values["MAX_SHAPE_BYTES"]
        vertex_line, face_line = (len(each) // each.count(b"\n") for each in (vertex, face))
        vertices = most // 24
        room = most - vertex_line * vertices - 1_000
        faces = min(most // face_bytes, room // face_line)
        with path.open("wb") as file:
            file.write(head.format(vertices, faces).encode())
            _write(file, vertex * 2**16, vertex_line * vertices)
            _write(file, face * 2**16, face_line * faces)

    return make


_CORNERS = b"1 2 3\n4 1 2\n7 8 1\n"

_TEXT_PLY = (
    "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\n"
    "property float z\nelement face {}\nproperty list uchar int vertex_indices\nend_header\n"
)

MAKERS: dict[str, Callable[..., None]] = {
    "progressive.jpg": _picture("CMYK", progressive=True),
    "alpha.png": _picture("RGBA", compress_level=1),
    "lossy.webp": _picture("RGB", 17, method=0),
    "alpha.avif": _picture("RGBA", 17, speed=10, subsampling="4:4:4"),
    "alpha.jp2": _picture("RGBA", 27),
    "tiles.heic": _tiles(quality=50, chroma=420),
    "deep-tiles.heic": _tiles(deep=True, quality=50, chroma=420),
    "full-colour-tiles.heic": _tiles(bytes_a_pixel=12, quality=50, chroma=444),
    "whole.heic": _whole_heic,
    "moving.gif": _animation(),
    "moving.png": _animation(compress_level=1),
    "moving.webp": _animation(method=0, quality=30),
    "moving.avif": _animation(12, 52, speed=10, subsampling="4:4:4"),
    "h264.mp4": _film("libx264", "yuv420p", 5.6, preset="ultrafast", refs="16"),
    "deep-h264.mp4": _film("libx264", "yuv420p10le", 11.2, preset="ultrafast", refs="16"),
    "deep-hevc.mp4": _film("libx265", "yuv420p10le", 5, 12, preset="ultrafast", refs="6"),
    "deep-av1.mp4": _film("libsvtav1", "yuv420p10le", 5.4, 12, preset="12"),
    "vp9.webm": _film("libvpx-vp9", "yuv420p", 5, 12, deadline="realtime"),
    "strip.tiff": _picture("RGB", compression="tiff_adobe_deflate", strip_size=2**31 - 1),
    "alpha.npy": _array("|u1", 4, "MAX_PIXELS", 1),
    "columns.npy": _array("<f4", 3, "MAX_ARRAY_BYTES", 12, "F"),
    "clouds.npy": _array("<f2", 3, "MAX_ARRAY_BYTES", 6),
    "records.npy": _records,
    "mesh.ply": _mesh,
    "mixed-types.ply": _mixed_types,
    "short.obj": _text(b"v 1 2 3\n"),
    "mesh.obj": _lines(b"v 1 2 3\nv 4 1 2\nv 7 8 1\n", b"f 1 2 3\n"),
    "squares.obj": _lines(b"v 1 2 3\nv 4 1 2\nv 7 8 1\n", b"f 1 2 3 2\n", 24),
    "wrong-faces.obj": _lines(b"v 1 2 3\nv 4 1 2\nv 7 8 1\n", b"f 1 2 3\n" * 2**10 + b"f 1 2 0\n"),
    "line.ply": _lines(b"1 2 3\n", b"3 0 1 2\n", head=_TEXT_PLY),
    "text.ply": _lines(_CORNERS, b"3 0 1 2\n", head=_TEXT_PLY),
    "usual.xyz": _text(b"1.234567 2.345678 3.456789\n"),
}
