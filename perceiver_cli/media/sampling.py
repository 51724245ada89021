"""Points sampled from a shape: uniformly over the faces of a mesh, or a subset of a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import FloatArray, IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.shape import part_in_words

# A shape of fewer distinct points shows nothing.
MIN_POINTS = 10
# Ratio of the smallest to the largest extent below which a mesh lies in one plane.
_PLANE_RATIO = 1e-5
# Number of vertices that are examined.
_EXAMINED = 1000

# Larger coordinates are damage: their squares would not be finite.
_MAX_COORDINATE = 1e100

# Number of faces or points in a block of a computation.
BLOCK_ROWS = 2**18


def sample_surface(
    vertices: npt.NDArray[Any], faces: IntegerArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, tuple[str, ...]]:
    """Points sampled uniformly by area on the faces of a mesh.

    Args:
        vertices: Numbers [V, 3] of any type.
        faces: Triangles [F, 3] as indices into the vertices; those with coordinates that are not
            finite, or beyond 1e100, are left out.
        count: How many points.
        rng: Draws them.

    Returns:
        float64 [count, 3], and a note on faces that were left out.

    Raises:
        InputError: "corrupt" if all are left out.
    """
    lows, highs, left_out = [], [], 0
    for _, triangles in _blocks(vertices, faces):
        usable = triangles[_all_three(_usable(triangles))]
        left_out += len(triangles) - len(usable)
        if len(usable):
            lows.append([usable[..., axis].min() for axis in range(3)])
            highs.append([usable[..., axis].max() for axis in range(3)])
    if not lows:
        raise InputError("corrupt", f"every face has a vertex without {_wanted(vertices)}")
    notes: tuple[str, ...] = ()
    if left_out:
        some = part_in_words(left_out, len(faces), "faces", "has", "have")
        notes = (f"{some} a vertex without {_wanted(vertices)}; left out",)
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    # Areas are computed at the scale of the shape, so that tiny and distant shapes keep them.
    scale = (high - low).max() or 1.0
    areas = np.zeros(len(faces))
    for begin, triangles in _blocks(vertices, faces):
        unit = (triangles - low) / scale
        edges = unit[:, 1:] - unit[:, :1]
        found = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
        if left_out:
            found[~_all_three(_usable(triangles))] = 0
        areas[begin : begin + len(found)] = found
    totals = np.cumsum(areas, out=areas)
    if not totals[-1] > 0:  # a line or a point
        return _corners(vertices, faces, count), notes
    face = np.searchsorted(totals, rng.random(count) * totals[-1], side="right")
    # The last face may have no area: rounding must not choose it.
    face = np.minimum(face, np.searchsorted(totals, totals[-1]))
    along = rng.random((count, 2))
    along = np.where(along[:, :1] + along[:, 1:] > 1, 1 - along, along)
    corner = vertices[faces[face]].astype(np.float64)
    sampled: FloatArray = corner[:, 0] + np.einsum(
        "nk,nkd->nd", along, corner[:, 1:] - corner[:, :1]
    )
    return sampled, notes


def polygon_corners(vertices: npt.NDArray[Any], faces: IntegerArray) -> FloatArray | None:
    """The corners of a mesh that lies in one plane and has few of them, such as a single triangle.

    Args:
        vertices: As for sample_surface.
        faces: As for sample_surface, some usable.

    Returns:
        float64 [N, 3], distinct; None if the mesh is not flat or has MIN_POINTS or more.
    """
    corners = np.unique(_corners(vertices, faces, _EXAMINED), axis=0)
    if len(corners) >= MIN_POINTS:
        return None
    centred = corners - corners.mean(axis=0)
    extents = np.linalg.svd(centred / (np.abs(centred).max() or 1.0), compute_uv=False)
    flat = len(extents) < 3 or extents[2] <= _PLANE_RATIO * extents[0]
    return corners if flat else None


def _corners(vertices: npt.NDArray[Any], faces: IntegerArray, most: int) -> FloatArray:
    """Usable vertices of faces, evenly chosen: float64 [at most `most`, 3]."""
    used = np.zeros(len(vertices), np.bool_)
    used[faces.reshape(-1)] = True
    used &= _usable(vertices)
    numbers = np.flatnonzero(used)
    chosen = np.linspace(0, len(numbers) - 1, min(most, len(numbers))).round().astype(np.int64)
    found: FloatArray = vertices[numbers[chosen]].astype(np.float64)
    return found


def sample_cloud(
    points: npt.NDArray[Any], most: int, rng: np.random.Generator
) -> tuple[FloatArray, int, tuple[str, ...]]:
    """The points of a cloud, or a random subset of them.

    Args:
        points: Numbers [N, 3] of any type; those that are not finite, or beyond 1e100, are left
            out.
        most: Maximum number of points; a larger cloud gives a uniform random subset, in order.
        rng: Draws it.

    Returns:
        float64 [at most `most`, 3], how many are usable, and a note on points that were left out.

    Raises:
        InputError: "corrupt" if all are left out.
    """
    usable = np.empty(len(points), np.bool_)
    begins = range(0, len(points), BLOCK_ROWS)
    for begin in begins:
        usable[begin : begin + BLOCK_ROWS] = _usable(points[begin : begin + BLOCK_ROWS])
    number = int(usable.sum())
    if not number:
        raise InputError("corrupt", f"no point of the cloud has {_wanted(points)}")
    left_out = len(points) - number
    many = number > most
    chosen = np.sort(rng.choice(number, most, replace=False)) if many else np.arange(number)
    if left_out:
        # From an index among the usable points to one among all, without a table of all.
        counts = [int(usable[begin : begin + BLOCK_ROWS].sum()) for begin in begins]
        ends = np.cumsum(counts)
        parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        chosen = np.concatenate(
            [
                begin + np.flatnonzero(usable[begin : begin + BLOCK_ROWS])[part - (end - count)]
                for begin, part, end, count in zip(begins, parts, ends, counts, strict=True)
            ]
        )
    found = points[chosen].astype(np.float64)
    if not left_out:
        return found, number, ()
    some = part_in_words(left_out, len(points), "points", "has", "have")
    return found, number, (f"{some} no {_wanted(points)}; left out",)


def _blocks(vertices: npt.NDArray[Any], faces: IntegerArray) -> Iterator[tuple[int, FloatArray]]:
    """(index of the first, float64 [faces, 3, 3]) of some faces at a time."""
    for begin in range(0, len(faces), BLOCK_ROWS):
        corners = vertices.take(faces[begin : begin + BLOCK_ROWS], axis=0)
        yield begin, corners.astype(np.float64, copy=False)


def _wanted(points: npt.NDArray[Any]) -> str:
    """A description of usable coordinates for a message about [N, 3]."""
    for begin in range(0, len(points), BLOCK_ROWS):
        block = points[begin : begin + BLOCK_ROWS].astype(np.float64)
        if (np.isfinite(block).all(axis=1) & ~_usable(block)).any():
            return f"finite coordinates below {_MAX_COORDINATE:.0e}".replace("e+", "e")
    return "finite coordinates"


def _usable(points: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """bool [...] for coordinates [..., 3]; NaN compares as false."""
    return _all_three(np.abs(points.astype(np.float64, copy=False)) < _MAX_COORDINATE)


def _all_three(values: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether all of [..., 3] are true: ten times as fast as `all` along so short an axis."""
    return np.asarray(values[..., 0] & values[..., 1] & values[..., 2])
