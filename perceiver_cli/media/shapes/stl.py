"""STL: triangles as text or binary, regardless of the title."""

from __future__ import annotations

import math
import os
import re
import struct
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.rows import read_rows
from perceiver_cli.media.shapes.shape import GrowingArray, Shape, read_exactly
from perceiver_cli.media.text import find_encoding, line_blocks

HEADER_BYTES, TRIANGLE_BYTES = 84, 50

# Counts written by programs that do not know the number of triangles in advance.
UNKNOWN_COUNTS = frozenset({0, 2**32 - 1})

_TRIANGLES_AT_ONCE = 2**17
# Other data, read as numbers, are far larger or smaller than coordinates.
_MAX_GROWTH = 1000
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_VERTEX = re.compile(rb"\bvertex\s+(\S+\s+\S+\s+\S+)", re.IGNORECASE)
_TITLE = re.compile(
    rb"^[ \t]*(?:end)?solid\b(?:(?!\bfacet[ \t]+normal\b)[^\n])*$", re.M | re.IGNORECASE
)
_FACET = re.compile(rb"\bfacet[ \t\n]+normal\b", re.IGNORECASE)
_END_OF_FACET = re.compile(rb"\bend[ \t]*facet\b", re.IGNORECASE)


def read_stl(stream: BinaryIO) -> Shape:
    """The shape in an STL file. Raises InputError "corrupt" or "too_large"."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(2**16)
    count = triangle_count(head, size)
    exact = count is not None and size == HEADER_BYTES + TRIANGLE_BYTES * count
    if not exact and find_encoding(head):
        stream.seek(0)
        return _read_text(stream)
    if count is None:
        raise InputError("corrupt", "cut off: the STL header is not complete")
    total, notes = _held_triangles(stream, count, size)
    stream.seek(HEADER_BYTES)
    return _read_binary(stream, total, notes)


def triangle_count(head: bytes, size: int) -> int | None:
    """The triangles of a binary STL of `size` bytes that begins with `head`; None: too short.

    If the header has no count, as many as fit.
    """
    if size < HEADER_BYTES:
        return None
    (stated,) = struct.unpack_from("<I", head, HEADER_BYTES - 4)
    if stated in UNKNOWN_COUNTS:
        return (size - HEADER_BYTES) // TRIANGLE_BYTES
    return int(stated)


def _held_triangles(stream: BinaryIO, stated: int, size: int) -> tuple[int, tuple[str, ...]]:
    """How many triangles of a binary STL of `size` bytes are read, and a note if others are stated.

    More bytes than those of the stated triangles are triangles too if whole ones fit and the first
    of them is one of the same size. Otherwise they are other data, such as an exporter's text.
    """
    end = HEADER_BYTES + TRIANGLE_BYTES * stated
    more, rest = divmod(size - end, TRIANGLE_BYTES)
    if more <= 0:
        return stated, ()
    stream.seek(end - TRIANGLE_BYTES)  # some are stated: a count of 0 is that of the size
    content = read_exactly(stream, 2 * TRIANGLE_BYTES, "triangles")
    if not any(content[TRIANGLE_BYTES:]):
        return stated, ()
    last, other = np.frombuffer(content, _TRIANGLE)["corners"]
    if rest or not _continues(last, other):
        others = f"{more * TRIANGLE_BYTES + rest:,} bytes"
        return stated, (
            f"{others} after the {stated:,} triangles that its header states; left out",
        )
    total = stated + more
    return total, (f"its header states {stated:,} of its {total:,} triangles; all are read",)


def _continues(last: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> bool:
    """Whether a triangle [3, 3] may be of the shape whose last stated one is given."""
    size, own = (float(np.abs(one.astype(np.float64)).max()) for one in (last, other))
    return math.isfinite(size + own) and own <= _MAX_GROWTH * max(size, 1e-30)


def _read_binary(stream: BinaryIO, count: int, notes: tuple[str, ...]) -> Shape:
    vertices = GrowingArray(3, np.float32)
    while 3 * count > vertices.count:
        number = min(_TRIANGLES_AT_ONCE, count - vertices.count // 3)
        content = read_exactly(stream, number * TRIANGLE_BYTES, "triangles")
        vertices.append(np.frombuffer(content, _TRIANGLE)["corners"].reshape(-1, 3))
    return replace(_in_threes(vertices), notes=notes)


def _read_text(stream: BinaryIO) -> Shape:
    vertices = GrowingArray(3, np.float64)
    facets = ends = 0
    for block in line_blocks(stream):
        block = _TITLE.sub(b"", block)
        facets += len(_FACET.findall(block))
        ends += len(_END_OF_FACET.findall(block))
        found = _VERTEX.findall(block)
        if found:
            vertices.append(read_rows(b" ".join(found)).values.reshape(-1, 3))
    if vertices.count != 3 * facets or ends < facets:
        raise InputError("corrupt", "cut off, or facets with other than three corners")
    return _in_threes(vertices)


def _in_threes(vertices: GrowingArray) -> Shape:
    faces = np.arange(vertices.count, dtype=np.int32).reshape(-1, 3)
    return Shape(vertices.rows(), faces)
