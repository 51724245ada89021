"""3D shapes as points: meshes are sampled uniformly by area, clouds are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np

from perceiver_cli.array_types import FloatArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.arrays import read_array_shape
from perceiver_cli.media.axes import to_z_up
from perceiver_cli.media.large_inputs import take_memory
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text
from perceiver_cli.media.sampling import polygon_corners, sample_cloud, sample_surface
from perceiver_cli.media.shapes.gltf import read_gltf
from perceiver_cli.media.shapes.obj import read_obj
from perceiver_cli.media.shapes.off import read_off
from perceiver_cli.media.shapes.pcd import read_pcd
from perceiver_cli.media.shapes.ply import read_ply
from perceiver_cli.media.shapes.ptx import read_ptx
from perceiver_cli.media.shapes.shape import Shape
from perceiver_cli.media.shapes.stl import read_stl
from perceiver_cli.media.shapes.text_points import read_text_points
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import PointCloud

# Clouds are returned whole up to max(CLOUD_FACTOR * points, CLOUD_FLOOR) points.
CLOUD_FACTOR, CLOUD_FLOOR = 4, 20_000

# A shape has lost precision if it is at least _FAR from the origin and its width is less than
# _MIN_STEPS steps of its coordinates' type.
_FAR, _MIN_STEPS = 1e5, 64

# Outlying points dwarf a cloud if they are at most a share _STRAY of its points and the others span
# less than a share _SPOT of it: the model then sees the others as a single spot.
_STRAY, _SPOT = 0.01, 1e-3

# Maximum bytes of memory per byte of a shape's file.
_BYTES_FOR_EACH = 4

# Formats with y up by convention.
_Y_UP = frozenset({"obj", "glb", "gltf"})

_READERS = {
    "obj": read_obj,
    "off": read_off,
    "pcd": read_pcd,
    "ply": read_ply,
    "ptx": read_ptx,
    "stl": read_stl,
    "xyz": read_text_points,
}


def load_points(source: Source, format: str, points: int, seed: int = 0) -> PointCloud:
    """The shape in a file as points, turned so that z is up.

    A mesh, or a scene of several with their transforms, gives exactly `points` samples, uniform
    by area; a flat polygon, which shows nothing, only its corners. A cloud is returned whole, or as
    a uniform random subset above max(4 * points, 20000) points; columns other than x, y, z are
    dropped. The same seed gives the same points. Points and faces with coordinates that are not
    finite, or beyond 1e100, are left out.

    Args:
        source: The file.
        format: As `detect` names it, such as "ply".
        points: How many are sampled from a mesh.
        seed: The seed of the random choices.

    Raises:
        InputError: "corrupt" for damage or no finite coordinates, "empty" without vertices,
            "too_large" beyond MAX_SHAPE_BYTES.
    """
    # Overflows are detected in the result, not by NumPy's warnings.
    with np.errstate(all="ignore"):
        return _load(source, format, points, np.random.default_rng(seed))


def _load(source: Source, format: str, points: int, rng: np.random.Generator) -> PointCloud:
    shape = _read(source, format)
    vertices, faces = len(shape.vertices), len(shape.faces)
    if not vertices:
        raise InputError("empty", "the file contains no points")
    notes = shape.notes
    kind: Literal["mesh", "cloud"] = "mesh" if faces else "cloud"
    if kind == "mesh":
        found, left_out = sample_surface(shape.vertices, shape.faces, points, rng)
        polygon = polygon_corners(shape.vertices, shape.faces)
        found = found if polygon is None else polygon
    else:
        most_points = max(CLOUD_FACTOR * points, CLOUD_FLOOR)
        found, vertices, left_out = sample_cloud(shape.vertices, most_points, rng)
        left_out += _stray_note(found)
    notes += left_out
    notes += _precision_note(found, shape.vertices.dtype)
    up: Literal["y", "z"] = "y" if format in _Y_UP else "z"
    if up == "y":
        found = to_z_up(found)
    return PointCloud(found, kind, up, vertices, faces, notes)


def _precision_note(points: FloatArray, kind: np.dtype[Any]) -> tuple[str, ...]:
    """A note if a shape lies too far from the origin for the precision of its coordinates.

    Args:
        points: [N, 3].
        kind: The type of the coordinates in the file.
    """
    farthest = np.abs(points).max()
    stored = kind if kind.kind == "f" and kind.itemsize < 8 else np.dtype(np.float64)
    step = float(np.spacing(stored.type(farthest)))
    if farthest < _FAR or np.ptp(points, axis=0).max() >= _MIN_STEPS * step:
        return ()
    return (f"too far from the origin for its precision: {stored} has steps of {step:g} there",)


def _stray_note(points: FloatArray) -> tuple[str, ...]:
    """A note if a few outlying points of a cloud [N, 3] dwarf the others."""
    distances = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    stray = distances > _SPOT / 2 * distances.max()
    number = int(stray.sum())
    if not number or number > _STRAY * len(points) or not distances[~stray].any():
        return ()
    dwarfs = "outlying point dwarfs" if number == 1 else "outlying points dwarf"
    return (f"{number:,} {dwarfs} the rest of the shape",)


def _read(source: Source, format: str) -> Shape:
    with wrap_errors("corrupt", f"the {format.upper()} data is cut off or damaged"):
        if format in ("npy", "npz"):
            return read_array_shape(source, format)
        with source.open() as stream:
            size = stream.seek(0, os.SEEK_END)
            if size > MAX_SHAPE_BYTES:
                message = f"the shape's file is too large: {limit_text('MAX_SHAPE_BYTES')}"
                raise InputError("too_large", message)
            take_memory(_BYTES_FOR_EACH * size)
            stream.seek(0)
            if format in ("gltf", "glb"):
                return read_gltf(stream, folder_of(source))
            return _READERS[format](stream)


def folder_of(source: Source) -> Path | None:
    """The folder of the files beside a source; None if the source is not on disk."""
    return Path(source.path).parent if source.on_disk else None
