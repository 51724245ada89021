"""Malicious files that make a reader allocate, recurse or read wrong data."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np


def files() -> Iterator[tuple[str, bytes]]:
    """(name, content) of each."""
    yield from _pictures()
    yield from _sounds()
    yield from _shapes()
    yield from _arrays()
    yield from _others()


def _pictures() -> Iterator[tuple[str, bytes]]:
    for width, height in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (0, 0), (2**31 - 1, 1)):
        yield f"declared {width}x{height}.png", _png(width, height, b"")
        yield f"declared {width}x{height}.bmp", _bmp(width, height)
        yield f"declared {width}x{height}.ppm", b"P6 %d %d 255\n" % (width, height)
    yield "bomb.png", _png(16_000, 16_000, zlib.compress(bytes(2**24), 9))
    yield "bomb text.png", _png(4, 4, b"", _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27))))
    yield (
        "large.gif",
        b"GIF89a\xff\xff\xff\xff\x00\x00\x00,\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0;",
    )
    # The directory that follows the first is the first.
    yield "circle.tiff", b"II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x01\0\0\0\x08\0\0\0"
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><use href="#a" id="a"/></svg>'


def _sounds() -> Iterator[tuple[str, bytes]]:
    for name, channels, rate, bits in (
        ("no channels", 0, 8000, 16),
        ("no rate", 1, 0, 16),
        ("many channels", 65535, 8000, 16),
        ("high rate", 1, 2**32 - 1, 16),
        ("odd bits", 1, 8000, 3),
    ):
        yield f"{name}.wav", _wav(1, channels, rate, bits, bytes(4000))
    yield "states 4 GB.wav", _wav(1, 1, 8000, 16, bytes(4000), 2**32 - 1)
    yield "no samples.wav", _wav(1, 1, 8000, 16, b"")
    for name, value in (("nan", np.nan), ("inf", np.inf), ("huge", 3e38)):
        yield f"{name}.wav", _wav(3, 1, 8000, 32, np.full(4000, value, "<f4").tobytes())
    yield "playlist.mp3", b"#EXTM3U\n/etc/passwd\nplaylist.mp3\n"
    yield "tag only.mp3", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(500)


def _shapes() -> Iterator[tuple[str, bytes]]:
    for count in (0, 4_000_000_000, -1):
        header = b"ply\nformat %s 1.0\nelement vertex %d\nproperty float x\nproperty float y\n"
        header += b"property float z\nend_header\n"
        for kind in (b"ascii", b"binary_little_endian"):
            yield f"{count} vertices {kind.decode()}.ply", header % (kind, count) + b"0 0 0\n" * 9
    yield "4 billion triangles.stl", bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(500)
    yield "huge.off", b"OFF\n4000000000 4000000000 0\n0 0 0\n"
    yield "beyond.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 999999999\nf -9 -8 -7\n"
    yield "one point.obj", b"v 0 0 0\n" * 50 + b"f 1 2 3\n"
    yield "calls itself.obj", b"mtllib calls itself.obj\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    for word in (b"nan", b"inf", b"1e400", b"1e308"):
        name = word.decode()
        yield f"{name}.xyz", b"\n".join([b" ".join([word] * 3)] * 30) + b"\n"
        yield f"{name}.obj", b"v %s 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n" % word
    yield "one line.xyz", b"1 2 3 " * 200_000
    for name, nodes in (
        ("own child", [{"children": [0]}]),
        ("own grandchild", [{"children": [1]}, {"children": [0]}]),
        ("chain", [{"children": [n + 1]} for n in range(3000)] + [{}]),
    ):
        yield f"{name}.gltf", _gltf(nodes)
    yield "deep.gltf", b'{"asset": {"version": "2.0"}, "meshes": ' + b"[" * 100_000


def _arrays() -> Iterator[tuple[str, bytes]]:
    for name, shape, kind in (
        ("enormous", (2**40, 3), "<f8"),
        ("negative", (-5, 3), "<f8"),
        ("objects", (5, 3), "|O"),
        ("longer than the file", (1000, 3), "<f8"),
    ):
        yield f"{name}.npy", _npy(shape, kind, bytes(100))
    for name, value in (("nan", np.nan), ("inf", np.inf)):
        yield f"{name}.npy", _npy((50, 3), "<f8", np.full((50, 3), value).tobytes())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", _npy((2**25, 3), "<f8", bytes(2**26)))
    yield "bomb.npz", packed.getvalue()


def _others() -> Iterator[tuple[str, bytes]]:
    yield "empty.jpg", b""
    yield "zeros.mp4", bytes(10_000)
    yield "page.jpg", b"<!doctype html><html><body>404</body></html>"
    yield "boxes.mp4", struct.pack(">I4sI4s", 16, b"ftyp", 0, b"isom") * 2000
    yield "nested.mp4", b"".join(struct.pack(">I4s", 2**20, b"moov") for _ in range(3000))
    yield "states 2**63 bytes.mp4", struct.pack(">I4sQ", 1, b"ftyp", 2**63 - 1) + b"isom" * 50
    yield "endless.mkv", b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 7 + bytes(300)


def _png(width: int, height: int, data: bytes, extra: bytes = b"") -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + info + bytes(100)


def _wav(
    kind: int, channels: int, rate: int, bits: int, data: bytes, states: int | None = None
) -> bytes:
    size = len(data) if states is None else states
    frame = min(65535, channels * bits // 8)
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * frame % 2**32, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(2**32 - 1, 36 + size)) + body


def _npy(shape: tuple[int, ...], kind: str, data: bytes) -> bytes:
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


def _gltf(nodes: list[dict]) -> bytes:
    scene = {"asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "scene": 0, "nodes": nodes}
    return json.dumps(scene | {"meshes": [], "buffers": []}).encode()
