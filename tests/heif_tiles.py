"""HEIC photos of many tiles, as phones write them, without the time that encoding them takes."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np

from perceiver_cli.media.boxes import boxes

# Numbers of the properties in the file, which its items name.
_CODEC, _TILE_SIZE, _SIZE = 1, 2, 3
_ESSENTIAL = 0x80


def heic_tile(pixels: np.ndarray, **options) -> bytes:
    """A HEIC file of one picture: uint8 [H, W, 3], or uint16 for ten bits."""
    import pillow_heif

    height, width = pixels.shape[:2]
    mode = "RGB;16" if pixels.dtype == np.uint16 else "RGB"
    buffer = io.BytesIO()
    pillow_heif.from_bytes(mode, (width, height), pixels.tobytes()).save(buffer, **options)
    return buffer.getvalue()


def heic_of_tiles(
    tiles: Sequence[bytes], columns: int, rows: int, size: tuple[int, int], padding: int = 0
) -> bytes:
    """A HEIC file of a grid.

    Args:
        tiles: Files of heic_tile, of equal size and options, used in turn, row by row.
        columns: Of the grid.
        rows: Of the grid.
        size: Width and height of the picture; the rest of the last tiles is cut off.
        padding: Bytes behind the tiles.
    """
    first = dict(boxes(tiles[0]))
    properties = dict(boxes(dict(boxes(dict(boxes(first[b"meta"][4:]))[b"iprp"]))[b"ipco"]))
    coded = [dict(boxes(tile))[b"mdat"] for tile in tiles]
    number = columns * rows
    whole = number + 1
    entries = [(item, 1, b"hvc1") for item in range(1, whole)] + [(whole, 0, b"grid")]
    items = b"".join(
        _full(b"infe", struct.pack(">HH4sB", item, 0, kind, 0), 2, hidden)
        for item, hidden, kind in entries
    )
    tile_numbers = struct.pack(f">HH{number}H", whole, number, *range(1, whole))
    described = b"".join(
        struct.pack(">HBBB", item, 2, _CODEC | _ESSENTIAL, _TILE_SIZE) for item in range(1, whole)
    )
    described += struct.pack(">HBB", whole, 1, _SIZE)
    container = (
        _box(b"hvcC", properties[b"hvcC"])
        + _box(b"ispe", properties[b"ispe"])
        + _full(b"ispe", struct.pack(">II", *size))
    )
    association = _full(b"ipma", struct.pack(">I", whole) + described)

    def meta(start: int) -> bytes:
        starts = start + np.cumsum([0, *map(len, coded)])
        places = b"".join(
            struct.pack(">HHHHII", item, 0, 0, 1, starts[k], len(coded[k]))
            for item in range(1, whole)
            for k in [(item - 1) % len(coded)]
        )
        places += struct.pack(">HHHHII", whole, 1, 0, 1, 0, 12)  # in the idat box
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", whole))
            + _full(b"iloc", struct.pack(">BBH", 0x44, 0, whole) + places, 1)
            + _full(b"iinf", struct.pack(">H", whole) + items)
            + _full(b"iref", _box(b"dimg", tile_numbers))
            + _box(b"iprp", _box(b"ipco", container) + association)
            + _box(b"idat", struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)),
        )

    front = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return (
        front
        + meta(len(front) + len(meta(0)) + 8)
        + _box(b"mdat", b"".join(coded) + bytes(padding))
    )


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _full(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
