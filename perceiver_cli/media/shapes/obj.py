"""OBJ: vertices and polygons; materials, textures and other files are not read."""

from __future__ import annotations

import re
from typing import BinaryIO

import numpy as np

from perceiver_cli.array_types import IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.obj_end import END_BYTES, ends_midway
from perceiver_cli.media.shapes.rows import Rows, read_rows
from perceiver_cli.media.shapes.shape import (
    GrowingArray,
    Shape,
    as_indices,
    triangulate,
    valid_faces,
)
from perceiver_cli.media.text import line_blocks

_VERTEX = re.compile(rb"^[ \t]*v[ \t]+([^\n#]*)", re.MULTILINE | re.IGNORECASE)
_FACE = re.compile(rb"^[ \t]*fo?[ \t]+([^\n#]*)", re.MULTILINE | re.IGNORECASE)
_FREE_FORM = re.compile(rb"^[ \t]*(?:curv2?|surf)[ \t]", re.MULTILINE)

# Signs of a mesh: texture coordinates, and the number of its faces in a comment.
_TEXTURE = re.compile(rb"^[ \t]*vt[ \t]", re.MULTILINE | re.IGNORECASE)
_STATED_FACES = re.compile(rb"^# ?faces:? +[1-9]\d*[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(rb"^[ \t]*l[ \t]", re.MULTILINE | re.IGNORECASE)
_OTHERS = re.compile(rb"^[ \t]*(?:fo?|l|p)[ \t]", re.MULTILINE | re.IGNORECASE)

# Some Chinese and Japanese characters of a name end in the byte of a backslash.
_CONTINUED = re.compile(
    rb"^[ \t]*(?:v|fo?|l|p)[ \t](?:[^\n\\]|\\(?!\n))*\\\n(?:(?:[^\n\\]|\\(?!\n))*\\\n)*",
    re.MULTILINE | re.IGNORECASE,
)

# What follows the vertex in 7/2/3 and 7//3: texture and normal.
_BESIDE_VERTEX = re.compile(rb"/[^\s]*")


def read_obj(stream: BinaryIO) -> Shape:
    """The shape in an OBJ file. Raises InputError "corrupt", "unsupported" or "too_large"."""
    vertices, faces = GrowingArray(3, np.float64), GrowingArray(3, np.int32)
    free_form = textured = stated = lines = others = False
    end = b""
    for block in line_blocks(stream):
        end = (end + block[-END_BYTES:])[-END_BYTES:]
        if b"\\\n" in block:
            block = _CONTINUED.sub(lambda found: found[0].replace(b"\\\n", b" "), block)
        before = vertices.count
        found = _VERTEX.findall(block)
        if found:
            rows = read_rows(b"\n".join(found))
            points = rows.columns(0, 1, 2)
            points[rows.counts == 2, 2] = 0  # drawn in the plane
            vertices.append(points)
        polygons = _polygons(block, before)
        if polygons:
            faces.append(triangulate(*polygons))
        if not faces.count:  # only then do other records matter
            free_form = free_form or _FREE_FORM.search(block) is not None
            textured = textured or _TEXTURE.search(block) is not None
            stated = stated or _STATED_FACES.search(block) is not None
            lines = lines or _LINE.search(block) is not None
            others = others or _OTHERS.search(block) is not None
    if free_form and not faces.count:
        raise InputError("unsupported", "an OBJ of free-form (NURBS) surfaces; export it as a mesh")
    points = vertices.rows()
    valid, notes = valid_faces(faces.rows(), len(points))
    is_cut = ends_midway(end)
    if not (faces.count or others):
        if is_cut or stated:
            raise InputError("corrupt", "cut off before its first face")
        if textured:
            notes += ("the shape is cut off: its faces are missing",)
    elif is_cut:
        notes += ("the shape is cut off: its end is missing",)
    if lines and not faces.count:
        notes += ("its lines are not read, only their corners",)
    return Shape(points, valid, notes)


def _polygons(block: bytes, before: int) -> tuple[IntegerArray, IntegerArray] | None:
    """The corners and sizes of a block's faces; `before`: vertices in earlier blocks."""
    found = _FACE.findall(block)
    if not found:
        return None
    text = _BESIDE_VERTEX.sub(b"", b"\n".join(found))
    rows = read_rows(text + b"\n")
    corners = as_indices(rows.values, missing=0)
    if b"-" in text:
        return _counted_from_line(block, rows, corners, before), rows.counts
    return corners - 1, rows.counts


def _counted_from_line(
    block: bytes, rows: Rows, corners: IntegerArray, before: int
) -> IntegerArray:
    """Indices from 0: those below zero count back from the last vertex above their own line."""
    vertices_at = np.array([found.start() for found in _VERTEX.finditer(block)], np.int64)
    faces_at = np.array([found.start() for found in _FACE.finditer(block)], np.int64)
    above = before + np.searchsorted(vertices_at, faces_at)
    above = np.repeat(above, rows.counts)
    # Indices before the first vertex are invalid; they must not become those of other vertices.
    back = np.maximum(corners + above, -1)
    return np.where(corners < 0, back, corners - 1)
