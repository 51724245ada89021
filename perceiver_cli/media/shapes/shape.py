"""The result of readers of 3D formats, and their common functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import FloatArray, IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text

# Faces in a block of a computation.
_AT_ONCE = 2**18


def _no_faces() -> IntegerArray:
    return np.zeros((0, 3), np.int32)


@dataclass(frozen=True)
class Shape:
    """A mesh, or a cloud of points when it has no faces.

    Attributes:
        vertices: Numbers [V, 3] of any type, in the file's units and axes.
        faces: Integers [F, 3], triangles as indices into the vertices, all of them valid.
        notes: One line for each thing that was left out.
    """

    vertices: npt.NDArray[Any]
    faces: IntegerArray = field(default_factory=_no_faces)
    notes: tuple[str, ...] = ()


class GrowingArray:
    """Rows appended block by block, without copies of earlier rows."""

    def __init__(self, width: int, dtype: npt.DTypeLike) -> None:
        self._rows: npt.NDArray[Any] = np.empty((0, width), dtype)
        self.count = 0

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Adds rows [N, width]. Raises InputError as `check_room` does."""
        self.check_room(len(rows))
        width, count = self._rows.shape[1], self.count + len(rows)
        if count > len(self._rows):
            self._rows.resize((max(count, 5 * self.count // 4), width), refcheck=False)
        self._rows[self.count : count] = rows
        self.count = count

    def check_room(self, rows: int) -> None:
        """Raises InputError("too_large") if that many more rows would exceed MAX_SHAPE_BYTES."""
        if (self.count + rows) * self._rows.shape[1] * self._rows.itemsize > MAX_SHAPE_BYTES:
            raise InputError(
                "too_large", f"the shape is too large: {limit_text('MAX_SHAPE_BYTES')}"
            )

    def rows(self) -> npt.NDArray[Any]:
        """All rows, [count, width]."""
        self._rows.resize((self.count, self._rows.shape[1]), refcheck=False)
        return self._rows


def columns(records: npt.NDArray[np.void], names: Sequence[str]) -> npt.NDArray[Any]:
    """Fields of records [N] as columns [N, len(names)].

    A view of the records if the fields are evenly spaced and of one type, else a copy.
    """
    assert records.dtype.fields is not None
    kinds = [records.dtype.fields[name][0] for name in names]
    offsets = [int(records.dtype.fields[name][1]) for name in names]
    steps = set(np.diff(offsets).tolist())
    if len(set(kinds)) > 1 or len(steps) > 1 or min(steps) < 0:
        return np.stack([records[name] for name in names], axis=1)
    first = records[names[0]]
    shape, strides = (len(records), len(names)), (records.strides[0], steps.pop())
    return np.lib.stride_tricks.as_strided(first, shape, strides, writeable=False)


def as_indices(values: FloatArray, missing: int = -1) -> IntegerArray:
    """Numbers as int32: NaN becomes `missing`, too large ones the largest value."""
    limit = np.iinfo(np.int32).max
    return np.clip(np.nan_to_num(values, nan=missing), -limit, limit).astype(np.int32)


def triangulate(corners: IntegerArray, sizes: IntegerArray) -> IntegerArray:
    """Polygons as triangles that share the polygon's first corner.

    Args:
        corners: Indices [C] of vertices, polygon after polygon.
        sizes: Number of corners [P] of each polygon; those with fewer than three give nothing.

    Returns:
        Triangles [T, 3] of the type of `corners`.
    """
    starts = np.cumsum(sizes) - sizes
    if len(sizes) and (sizes == 3).all():
        return corners.reshape(-1, 3)
    number = np.maximum(sizes - 2, 0)
    first = np.repeat(starts, number)
    step = ragged_range(number) + 1
    return np.stack([corners[first], corners[first + step], corners[first + step + 1]], axis=1)


def ragged_range(sizes: IntegerArray) -> IntegerArray:
    """0 … sizes[0]-1, 0 … sizes[1]-1, and so on: integers [sum of sizes]."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) - np.repeat(ends - sizes, sizes)


def part_in_words(number: int, total: int, noun: str, one: str, several: str) -> str:
    """ "1 of 73 faces names", "2 of 73 faces name".

    Args:
        number: Number of affected ones.
        total: Total number.
        noun: The noun in the plural.
        one: The verb for one of them.
        several: The verb for several.
    """
    return f"{number:,} of {total:,} {noun} {one if number == 1 else several}"


def valid_faces(faces: IntegerArray, vertices: int) -> tuple[IntegerArray, tuple[str, ...]]:
    """The faces whose vertices all exist, and notes on the others.

    Raises:
        InputError: "corrupt" if most of the faces have vertices that do not exist.
    """
    if not len(faces) or (faces.min() >= 0 and faces.max() < vertices):
        return faces, ()
    blocks = [faces[begin : begin + _AT_ONCE] for begin in range(0, len(faces), _AT_ONCE)]
    masks = [((block >= 0) & (block < vertices)).all(axis=1) for block in blocks]
    kept = sum(int(mask.sum()) for mask in masks)
    wrong = len(faces) - kept
    some = part_in_words(wrong, len(faces), "faces", "names", "name")
    message = f"{some} vertices that do not exist"
    if 2 * wrong > len(faces):
        raise InputError("corrupt", message)
    found, begin = np.empty((kept, 3), faces.dtype), 0
    for block, mask in zip(blocks, masks, strict=True):
        chosen = block[mask]
        found[begin : begin + len(chosen)] = chosen
        begin += len(chosen)
    return found, (f"{message}; left out",)


def read_exactly(stream: BinaryIO, size: int, what: str) -> bytes:
    """`size` bytes. Raises InputError("corrupt") if fewer follow, "too_large" for too many."""
    if size > MAX_SHAPE_BYTES:
        raise InputError("too_large", f"the shape is too large: {limit_text('MAX_SHAPE_BYTES')}")
    content = stream.read(size)
    if len(content) < size:
        raise InputError("corrupt", f"cut off: {what} are missing")
    return content
