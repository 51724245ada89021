"""3D shapes: meshes as points sampled evenly over their surface, clouds as they are."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.arrays import choose_array, read_array
from perceiver_cli.media.failures import failing_as, hush_libraries
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, most
from perceiver_cli.media.text import decoded_head
from perceiver_cli.media.textpoints import find_layout, read_text_points
from perceiver_cli.media.types import PointCloud, Source

# Clouds are returned whole up to max(CLOUD_FACTOR * points, CLOUD_FLOOR) points.
CLOUD_FACTOR, CLOUD_FLOOR = 4, 20_000

FEWEST_POINTS = 4

# Coordinates beyond this are damage: their squares would no longer be finite.
_LARGEST = 1e100

# The name, and how many vertices, faces and edges.
_OFF_HEADER = re.compile(rb"\s*OFF\s*(\d+)\s+(\d+)\s+\d+\s")

_NUMBERS = re.compile(rb"[-+.\deE\s]*")

# By convention these are modelled with y up.
_Y_UP = frozenset({"obj", "glb", "gltf"})


@dataclass(frozen=True)
class _Shape:
    """triangles: float64 [F, 3, 3]; loose: float64 [N, 3]; vertices and faces as in the file."""

    triangles: np.ndarray
    loose: np.ndarray
    vertices: int
    faces: int


def load_points(source: Source, format: str, points: int, seed: int = 0) -> PointCloud:
    """The shape in a file as points, turned so that z is up.

    A mesh, or a scene of several with their transforms, gives exactly `points` samples, uniform
    by area. A cloud is returned whole, or as a uniform random subset above
    max(4 * points, 20000) points; columns other than x, y, z are dropped. The same seed gives the
    same points. Rows and faces with coordinates that are not finite are left out.
    Raises InputError: "corrupt" for damage, no finite coordinates, a mesh without area or fewer
    than 4 distinct points, "empty" without vertices, "too_large" beyond 1 GiB.
    """
    hush_libraries()
    rng = np.random.default_rng(seed)
    shape = _read(source, format)
    if not shape.vertices:
        raise InputError("empty", "the file holds no points")
    kind: Literal["mesh", "cloud"] = "mesh" if shape.faces else "cloud"
    if kind == "mesh":
        found = sample_surface(shape.triangles, points, rng)
    else:
        found = _subset(_finite(shape.loose), max(CLOUD_FACTOR * points, CLOUD_FLOOR), rng)
    distinct = len(np.unique(found, axis=0))
    if distinct < FEWEST_POINTS:
        raise InputError(
            "corrupt", f"only {distinct} distinct points; a shape needs at least {FEWEST_POINTS}"
        )
    up: Literal["y", "z"] = "y" if format in _Y_UP else "z"
    if up == "y":
        found = np.stack([found[:, 0], -found[:, 2], found[:, 1]], axis=1)
    return PointCloud(found, kind, up, shape.vertices, shape.faces)


def sample_surface(triangles: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Points uniform by area: float64 [F, 3, 3] -> [count, 3]. Raises InputError("corrupt")."""
    triangles = triangles[_usable(triangles).all(axis=1)]
    if not len(triangles):
        raise InputError("corrupt", "no vertex of the mesh has finite coordinates")
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    # Areas are taken at the scale of the shape, so that neither tiny nor distant ones lose them.
    unit = (triangles - low) / ((high - low).max() or 1.0)
    edges = unit[:, 1:] - unit[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    if not areas.sum() > 0:
        raise InputError("corrupt", "the faces of the mesh have no area")
    totals = np.cumsum(areas)
    face = np.searchsorted(totals, rng.random(count) * totals[-1], side="right")
    face = np.minimum(face, len(areas) - 1)
    along = rng.random((count, 2))
    along = np.where(along.sum(axis=1, keepdims=True) > 1, 1 - along, along)
    corner = triangles[face]
    return corner[:, 0] + np.einsum("nk,nkd->nd", along, corner[:, 1:] - corner[:, :1])


def _subset(points: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    if len(points) <= most:
        return points
    return points[np.sort(rng.choice(len(points), most, replace=False))]


def _usable(points: np.ndarray) -> np.ndarray:
    """bool [...] for coordinates [..., 3]; NaN compares as false."""
    return (np.abs(points) < _LARGEST).all(axis=-1)


def _finite(points: np.ndarray) -> np.ndarray:
    kept = points[_usable(points)]
    if not len(kept):
        raise InputError("corrupt", "no point of the cloud has finite coordinates")
    return kept


def _read(source: Source, format: str) -> _Shape:
    if format in ("npy", "npz"):
        return _cloud(_array_points(source, format))
    with source.open() as stream:
        content = stream.read(MAX_SHAPE_BYTES + 1)
    if len(content) > MAX_SHAPE_BYTES:
        raise InputError("too_large", f"the shape's file is too large: {most('MAX_SHAPE_BYTES')}")
    with failing_as("corrupt", f"the {format.upper()} data is cut off or damaged"):
        if format == "xyz":
            return _cloud(_text_points(content))
        _check_lines(content, format)
        plain = _plain_off(content) if format == "off" else None
        return plain or _scene(content, format)


def _array_points(source: Source, format: str) -> np.ndarray:
    modality, header = choose_array(source, format)
    if modality != "pointcloud":
        raise InputError("unsupported", f"an {header} is not a point cloud")
    return read_array(source, format, header)[:, :3].astype(np.float64)


def _text_points(content: bytes) -> np.ndarray:
    text, encoding = decoded_head(content)
    layout = find_layout(text) if text else None
    if layout is None:
        raise InputError("corrupt", "the text holds no table of points")
    return read_text_points(io.BytesIO(content), layout, encoding)


def _cloud(points: np.ndarray) -> _Shape:
    return _Shape(np.zeros((0, 3, 3)), points, len(points), 0)


def _check_lines(content: bytes, format: str) -> None:
    """Text formats that state their counts must have a line for each: else they are cut off."""
    if format == "off":
        header, body = b"", content
        counts = re.findall(rb"\d+", re.sub(rb"#.*", b"", content[:4000]))[:2]
    elif format == "ply" and b"format ascii" in content[:200]:
        header, _, body = content.partition(b"end_header")
        counts = re.findall(rb"^element\s+\S+\s+(\d+)", header, re.MULTILINE)
    else:
        return
    if len(body.splitlines()) <= sum(map(int, counts)):
        raise InputError("corrupt", f"cut off: fewer lines than the {format.upper()} header states")


def _plain_off(content: bytes) -> _Shape | None:
    """An OFF file of nothing but vertices and triangles, as most are; None for any other.

    Tens of times as fast as reading it line by line.
    """
    header = _OFF_HEADER.match(content)
    if header is None or b"#" in content:
        return None
    vertices, faces = int(header[1]), int(header[2])
    numbers = content[header.end() :]
    if not _NUMBERS.fullmatch(numbers):
        return None
    try:
        values = np.fromstring(numbers, sep=" ")
    except ValueError:
        return None
    if not faces or len(values) != 3 * vertices + 4 * faces:
        return None
    rows = values[3 * vertices :].reshape(-1, 4)
    indices = rows[:, 1:].astype(np.int64)
    if (rows[:, 0] != 3).any() or (rows[:, 1:] != indices).any():
        return None
    triangles = values[: 3 * vertices].reshape(-1, 3)[indices]
    return _Shape(triangles, np.zeros((0, 3)), vertices, faces)


def _scene(content: bytes, format: str) -> _Shape:
    import trimesh

    # A buffer has no name and so no folder: materials, textures and other files stay unread.
    scene = trimesh.load_scene(
        io.BytesIO(content), file_type=format, process=False, skip_materials=True
    )
    triangles, loose = [np.zeros((0, 3, 3))], [np.zeros((0, 3))]
    vertices = faces = 0
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry: Any = scene.geometry[name]
        if not hasattr(geometry, "vertices"):
            continue
        with np.errstate(all="ignore"):
            placed = np.asarray(geometry.vertices, np.float64) @ transform[:3, :3].T
            placed = placed + transform[:3, 3]
        vertices += len(placed)
        indices = np.asarray(getattr(geometry, "faces", ()), np.int64).reshape(-1, 3)
        faces += len(indices)
        if len(indices):
            triangles.append(placed[indices])
        else:
            loose.append(placed)
    return _Shape(np.concatenate(triangles), np.concatenate(loose), vertices, faces)
