"""OFF: vertices and polygons, with or without normals, colours and texture coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.rows import RowReader, read_rows
from perceiver_cli.media.shapes.shape import (
    GrowingArray,
    Shape,
    as_indices,
    triangulate,
    valid_faces,
)
from perceiver_cli.media.text import line_blocks

# The name, and how many vertices, faces and (often left out) edges. ModelNet has no space between.
_HEADER = re.compile(
    rb"\s*(?:(?P<name>(?:ST)?C?N?4?n?(?:OFF|off))(?P<binary>\s*BINARY)?\s*)?"
    rb"(?P<vertices>\d+)\s+(?P<faces>\d+)(?:[ \t]+\d+|\s+\d+(?=[ \t]*\n))?"
)
_COMMENT = re.compile(rb"#[^\n]*")


def read_off(stream: BinaryIO) -> Shape:
    """The shape in an OFF file. Raises InputError "corrupt", "unsupported" or "too_large"."""
    blocks = (_COMMENT.sub(b"", block) for block in line_blocks(stream))
    first = next(blocks, b"")
    header = _HEADER.match(first)
    if header is None:
        raise InputError("corrupt", "the OFF header is damaged")
    if header["binary"]:
        raise InputError("unsupported", "a binary OFF; export it as PLY or as text")
    if set(b"n4") & set(header["name"] or b""):
        raise InputError("unsupported", "an OFF with other than three dimensions")
    vertices, faces = int(header["vertices"]), int(header["faces"])
    rest = first[header.end() :]
    try:
        return _read_lines(chain([rest], blocks), vertices, faces)
    except InputError as error:
        # A line may hold several vertices; only a few small files are written so.
        shape = _read_words(rest, vertices, faces) if next(blocks, None) is None else None
        if shape is None:
            raise error
        return shape


def _read_lines(blocks: Iterator[bytes], vertices: int, faces: int) -> Shape:
    lines = RowReader(blocks)
    points, triangles = GrowingArray(3, np.float64), GrowingArray(3, np.int32)
    for rows in lines.take(vertices, "vertices"):
        points.append(rows.columns(0, 1, 2))
    for rows in lines.take(faces, "faces"):
        corners, sizes = rows.lists(0)
        triangles.append(triangulate(as_indices(corners), sizes))
    valid, notes = valid_faces(triangles.rows(), vertices)
    return Shape(points.rows(), valid, notes)


def _read_words(text: bytes, vertices: int, faces: int) -> Shape | None:
    """Vertices and faces, regardless of line ends; None if their numbers do not match."""
    values = read_rows(text).values
    corners = values[3 * vertices :]
    sizes: list[int] = []
    keep = np.ones(len(corners), bool)
    at = 0
    while at < len(corners) and len(sizes) < faces and 0 <= corners[at] <= len(corners):
        keep[at] = False
        sizes.append(int(corners[at]))
        at += sizes[-1] + 1
    if at != len(corners) or len(sizes) != faces or len(values) < 3 * vertices:
        return None
    triangles = triangulate(as_indices(corners[keep]), np.array(sizes, np.int64))
    valid, notes = valid_faces(triangles, vertices)
    return Shape(values[: 3 * vertices].reshape(-1, 3), valid, notes)
