"""Peak memory of `perceiver classify` with files that just pass the limits of media/limits.py.

    python -m tests.benchmarks.limits
    python -m tests.benchmarks.limits --share 8 clouds.npy mesh.ply

Each file is made in a process of its own, and classified by the real command. --share 8 takes an
eighth of every limit, for a look that takes little time. Needs up to 3 GiB of memory to make the
files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.media import limits

WIDTH = 16_000


def main() -> None:
    """Prints a table: what, how large the file is, the peak in MiB and how it ended."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MAKERS)}; usually all")
    parser.add_argument("--share", type=int, default=1, help="one part of so many of the limits")
    options = parser.parse_args()
    values = {
        name: getattr(limits, name) // options.share
        for name in ("MAX_PIXELS", "MAX_ARRAY_BYTES", "MAX_SHAPE_BYTES")
    }
    environment = os.environ | {f"PERCEIVER_{name}": str(n) for name, n in values.items()}
    print("| file | MiB | peak MiB | |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names or MAKERS:
            path = Path(folder, name)
            making = get_context("spawn").Process(target=_make, args=(name, path, values))
            making.start()
            making.join()
            size = path.stat().st_size / 2**20
            peak, told = _classify(path, environment)
            print(f"| {name} | {size:.0f} | {peak:.0f} | {told} |", flush=True)
            path.unlink()


def _classify(path: Path, environment: dict[str, str]) -> tuple[float, str]:
    """(peak MiB, "ok" or what went wrong)"""
    call = [sys.executable, "-m", "perceiver_cli", "classify", str(path), "--format", "%l"]
    process = subprocess.Popen(
        call, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    told = process.stderr.read().strip().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    return used.ru_maxrss / 1024, "ok" if not status else told[-1]


def _make(name: str, path: Path, values: dict[str, int]) -> None:
    MAKERS[name](path, values)


def _picture(mode: str, bytes_a_pixel: int = 10, **options: Any) -> Callable[..., None]:
    """A picture of a format that takes so many bytes a pixel, by media/pillow.py."""

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
    """As many triangles as fit, each of which is held three times."""
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


MAKERS: dict[str, Callable[..., None]] = {
    "progressive.jpg": _picture("CMYK", progressive=True),
    "alpha.png": _picture("RGBA", compress_level=1),
    "lossy.webp": _picture("RGB", 17, method=0),
    "alpha.avif": _picture("RGBA", 17, speed=10, subsampling="4:4:4"),
    "alpha.jp2": _picture("RGBA", 22),
    "strip.tiff": _picture("RGB", compression="tiff_adobe_deflate", strip_size=2**31 - 1),
    "alpha.npy": _array("|u1", 4, "MAX_PIXELS", 1),
    "columns.npy": _array("<f4", 3, "MAX_ARRAY_BYTES", 12, "F"),
    "clouds.npy": _array("<f2", 3, "MAX_ARRAY_BYTES", 6),
    "records.npy": _records,
    "mesh.ply": _mesh,
    "mixed-types.ply": _mixed_types,
    "short.obj": _text(b"v 1 2 3\n"),
    "usual.xyz": _text(b"1.234567 2.345678 3.456789\n"),
}

if __name__ == "__main__":
    main()
