"""PLY: vertices and faces, polygons or triangle strips; other elements are skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.ply_binary import BinaryReader
from perceiver_cli.media.shapes.ply_header import Element, Header, read_header
from perceiver_cli.media.shapes.ply_text import TextReader
from perceiver_cli.media.shapes.shape import GrowingArray, Shape, triangulate, valid_faces

_VERTICES = ("vertex", "vertices", "point", "points")
_FACES = ("face", "faces", "polygon", "triangle", "tristrips", "tristrip")
_CORNERS = ("vertex_indices", "vertex_index", "vertex_indexes", "vertices", "indices")
_AXES = (("x", "px", "pos_x"), ("y", "py", "pos_y"), ("z", "pz", "pos_z"))


@dataclass(frozen=True)
class _Wanted:
    """The elements to read, and the indices of the properties in them."""

    vertices: Element
    axes: tuple[int, ...]
    faces: Element | None
    corners: int


def read_ply(stream: BinaryIO) -> Shape:
    """The shape in a PLY file.

    Raises:
        InputError: "corrupt", "too_large", or "unsupported" for what holds no positions.
    """
    header, body = read_header(stream)
    wanted = _find_wanted(header)
    reader: BinaryReader | TextReader = BinaryReader(body) if header.binary else TextReader(body)
    vertices: npt.NDArray[Any] | None = None
    faces = GrowingArray(3, np.int32)
    for element in header.elements:
        if element is wanted.vertices:
            vertices = reader.values(element, wanted.axes)
        elif element is wanted.faces:
            for corners, sizes in reader.lists(element, wanted.corners):
                joined = _strips if "strip" in element.name else triangulate
                faces.append(joined(corners, sizes))
        else:
            reader.skip(element)
    assert vertices is not None
    if faces.count and vertices.base is not None:
        vertices = np.array(vertices)  # releases the file's content
    valid, notes = valid_faces(faces.rows(), len(vertices))
    return Shape(vertices, valid, notes)


def check_header(stream: BinaryIO) -> str:
    """ "ASCII" or "binary", if the PLY file at the beginning of a stream holds positions.

    Raises:
        InputError: "corrupt", or "unsupported" for what holds no positions.
    """
    header, _ = read_header(stream)
    _find_wanted(header)
    return "binary" if header.binary else "ASCII"


def _find_wanted(header: Header) -> _Wanted:
    vertices = header.find(*_VERTICES)
    if vertices is None:
        raise InputError("corrupt", "the PLY header is cut off or names no vertices")
    if vertices.find("packed_position") is not None:
        raise InputError("unsupported", "a compressed splat; export it as an uncompressed PLY")
    axes = tuple(vertices.find(*names) for names in _AXES)
    if None in axes:
        raise InputError("unsupported", "a PLY whose vertices have no x, y and z")
    faces = header.find(*_FACES)
    corners = None
    if faces is not None:
        lists = [i for i, each in enumerate(faces.properties) if each.length is not None]
        named = faces.find(*_CORNERS)
        corners = named if named in lists else (lists[0] if lists else None)
    return _Wanted(
        vertices,
        tuple(int(axis) for axis in axes if axis is not None),
        faces if corners is not None else None,
        corners or 0,
    )


def _strips(corners: IntegerArray, sizes: IntegerArray) -> IntegerArray:
    """Triangle strips, separated by invalid indices, as triangles."""
    apart = np.insert(corners.astype(np.int64), np.cumsum(sizes)[:-1], -1)
    found = np.stack([apart[:-2], apart[1:-1], apart[2:]], axis=1)
    real = (found >= 0) & (found != 2**32 - 1)
    distinct = (found != np.roll(found, 1, axis=1)).all(axis=1)
    kept: IntegerArray = found[real.all(axis=1) & distinct]
    return kept
