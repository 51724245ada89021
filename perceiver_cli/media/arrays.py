"""NumPy files: detection of their meaning from header and first values; reading without pickle."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.media.large_inputs import take_memory
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.limits import MAX_ARRAY_BYTES, limit_text
from perceiver_cli.media.shapes.shape import Shape, valid_faces
from perceiver_cli.media.source import Source

Meaning = Literal["image", "pointcloud"]

# Coordinates alone; with intensity; with intensity and time; with colours or normals; with both.
_POINT_WIDTHS = frozenset({3, 4, 5, 6, 7, 9, 10})

# Minimum side of a grey picture: smaller arrays are treated as rows of features or labels.
_MIN_SIDE = 8

# Maximum ratio of the sides of a picture.
_MAX_RATIO = 16

# Number of values that are examined if the shape of the array is ambiguous.
_SAMPLE = 2**20

# Names of members of an .npz: of a mesh.
_VERTICES, _FACES = ("vertices", "verts", "v"), ("faces", "triangles", "f")
# Those that are preferred if several are suitable.
_USUAL_NAMES = ("points", "xyz", "pos", "vertices", "pointcloud", "pc", "image", "img", "arr_0")
_OTHER_POINTS = frozenset({"points", "xyz", "pos", "pointcloud", "pc"})


@dataclass(frozen=True)
class ArrayHeader:
    """A stored array: its name inside an .npz ("" in an .npy), shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"array of shape {list(self.shape)}, {self.dtype}"


def choose_array(source: Source, format: str) -> tuple[Meaning, ArrayHeader]:
    """Chooses the array of an "npy" or "npz" file to classify, and its modality.

    Raises:
        InputError: "unsupported" if no array is a picture or a point cloud, or several are, or one
            could be either; "empty" if there are no elements, "corrupt" if headers cannot be read.
    """
    headers = _headers(source, format)
    if not headers:
        raise InputError("empty", "the archive contains no arrays")
    if len(headers) == 1:
        return _meaning(source, format, headers[0]), headers[0]
    if source.modality != "image" and (mesh := _mesh(headers)):
        return "pointcloud", mesh[0]
    fitting = []
    for header in headers:
        with suppress(InputError):
            fitting.append((_meaning(source, format, header), header))
    for name in _USUAL_NAMES:
        for meaning, header in fitting:
            if header.name.lower() == name:
                return meaning, header
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(header.name for header in headers[:6])
    problem = "none is a picture or points" if not fitting else "more than one could be meant"
    raise InputError("unsupported", f"contains several arrays ({names}) and {problem}")


def read_array(source: Source, format: str, header: ArrayHeader) -> npt.NDArray[Any]:
    """Reads the array that choose_array found. Raises InputError "too_large" or "corrupt"."""
    size = math.prod(header.shape) * header.dtype.itemsize
    if size > MAX_ARRAY_BYTES:
        raise InputError("too_large", f"an {header}; {limit_text('MAX_ARRAY_BYTES')}")
    take_memory(size)
    with (
        wrap_errors("corrupt", "the array is cut off or damaged"),
        source.open() as stream,
        _member(stream, format, header.name) as member,
    ):
        array: npt.NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
        return array


def read_array_shape(source: Source, format: str) -> Shape:
    """The points of an array, in their stored type, or the mesh of vertices and faces in an .npz.

    Raises:
        InputError: As choose_array and read_array; "unsupported" for a picture, "corrupt" if most
            faces have vertices that do not exist.
    """
    mesh = _mesh(_headers(source, format))
    if mesh is None:
        return Shape(_read_points(source, format))
    vertices, faces = (read_array(source, format, header) for header in mesh)
    if faces.dtype.kind == "u":
        faces = faces.astype(np.int64)
    return Shape(vertices, *valid_faces(faces, len(vertices)))


def _mesh(headers: list[ArrayHeader]) -> tuple[ArrayHeader, ArrayHeader] | None:
    """The vertices [V, 3] and the triangles [F, 3] of a mesh, known by their names; else None.

    Beside an array that is usual for points, they are something else, such as velocities.
    """
    if {header.name.lower() for header in headers} & _OTHER_POINTS:
        return None
    by_name = {header.name.lower(): header for header in headers if header.shape[1:] == (3,)}
    vertices = next((by_name[name] for name in _VERTICES if name in by_name), None)
    faces = next((by_name[name] for name in _FACES if name in by_name), None)
    if vertices is None or faces is None or 0 in vertices.shape + faces.shape:
        return None
    is_mesh = vertices.dtype.kind in "uif" and faces.dtype.kind in "ui"
    return (vertices, faces) if is_mesh else None


def _read_points(source: Source, format: str) -> npt.NDArray[Any]:
    """The coordinates [N, 3] of an array of points."""
    meaning, header = choose_array(source, format)
    if meaning != "pointcloud":
        raise InputError("unsupported", f"an {header} is not a point cloud")
    axes = _axes(header.dtype)
    if axes:
        return _read_fields(source, format, header, axes)
    return read_array(source, format, header).reshape(-1, header.shape[-1])[:, :3]


def _read_fields(
    source: Source, format: str, header: ArrayHeader, axes: tuple[str, ...]
) -> npt.NDArray[Any]:
    """Some fields of records as columns [N, len(axes)], without the others in memory."""
    records, size = math.prod(header.shape), header.dtype.itemsize
    kind = np.result_type(*(header.dtype[axis] for axis in axes))
    if records * max(size, len(axes) * kind.itemsize) > MAX_ARRAY_BYTES:
        raise InputError("too_large", f"an {header}; {limit_text('MAX_ARRAY_BYTES')}")
    take_memory(records * len(axes) * kind.itemsize)
    found = np.empty((records, len(axes)), kind)
    with (
        wrap_errors("corrupt", "the array is cut off or damaged"),
        source.open() as stream,
        _member(stream, format, header.name) as member,
    ):
        _read_header(member, header.name)
        for begin in range(0, records, _SAMPLE):
            count = min(_SAMPLE, records - begin)
            block = np.frombuffer(member.read(count * size), header.dtype, count)
            for column, axis in enumerate(axes):
                found[begin : begin + count, column] = block[axis]
    return found


def _meaning(source: Source, format: str, header: ArrayHeader) -> Meaning:
    """The modality of an array. Raises InputError "unsupported" or "empty"."""
    shape, kind = header.shape, header.dtype.kind
    if header.dtype.hasobject:
        raise InputError("unsupported", "contains Python objects (pickle), which are never loaded")
    if any(length < 0 for length in shape):
        raise InputError("corrupt", f"the NumPy header is damaged: a shape of {list(shape)}")
    if 0 in shape:
        raise InputError("empty", f"an {header}: it has no elements")
    if _axes(header.dtype):
        return "pointcloud"
    if kind not in "uif":
        raise InputError("unsupported", f"an {header}, which is neither picture nor points")
    if source.modality in ("image", "pointcloud") and _could_be(source.modality, shape):
        return "image" if source.modality == "image" else "pointcloud"
    if len(shape) == 3:
        return _meaning_of_3d(source, header, partial(_sample, source, format, header))
    if len(shape) == 2:
        return _meaning_of_2d(source, header)
    if len(shape) == 1:
        raise _no_sound(source, header)
    what = "a batch or video" if shape else "a single number"
    message = f"{what}: save one picture [height, width, 3] or cloud [N, 3]"
    raise InputError("unsupported", f"an {header}, {message}")


def _could_be(wanted: str, shape: tuple[int, ...]) -> bool:
    if wanted == "image":
        return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
    return shape[-1] >= 3 and (len(shape) == 2 or (len(shape) == 3 and shape[0] == 1))


def _meaning_of_2d(source: Source, header: ArrayHeader) -> Meaning:
    (rows, columns), kind = header.shape, header.dtype.kind
    small = header.dtype.itemsize <= 2 and kind == "u"
    if small and rows >= _MIN_SIDE and columns >= _MIN_SIDE and columns not in _POINT_WIDTHS:
        return "image"
    few_points = rows <= 2 and columns in _POINT_WIDTHS
    if min(rows, columns) <= 2 and not few_points:
        raise _no_sound(source, header)
    if header.dtype.itemsize > 1 and columns in _POINT_WIDTHS and rows > max(columns, 4):
        return "pointcloud"
    if few_points or (3 <= columns <= 16 and rows > columns):
        message = f"an {header}, which may be points or something else; {_say_which(source)}"
        raise InputError("unsupported", message)
    way = f"; save [{columns}, {rows}] if these are points" if rows in _POINT_WIDTHS else ""
    message = f"points are [N, 3] and pictures are [height, width, 3]{way}"
    raise InputError("unsupported", f"an {header}; {message}")


def _meaning_of_3d(
    source: Source, header: ArrayHeader, sample: Callable[[], npt.NDArray[Any]]
) -> Meaning:
    first, second, channels = header.shape
    if channels not in (1, 3, 4):
        if first == 1 and channels in _POINT_WIDTHS and second > channels:
            return "pointcloud"
        message = "points are [N, 3] and pictures are [height, width, 3]"
        if first in (1, 3, 4) and second > 4:
            message = "the channels of a picture come last: [height, width, 3]"
        elif channels in _POINT_WIDTHS:
            message = f"a batch of {first} clouds? Save each on its own, as [{second}, {channels}]"
        raise InputError("unsupported", f"an {header}: {message}")
    negative = header.dtype.kind != "u" and bool((sample() < 0).any())
    if negative and channels > 1:
        if first == 1:
            return "pointcloud"
        message = (
            f"an {header} with values below zero: a batch of {first} clouds, which have to be "
            f"saved each on its own as [{second}, {channels}], or a picture ({_say_which(source)})"
        )
        raise InputError("unsupported", message)
    longer, shorter = max(first, second), min(first, second)
    if channels > 1 and shorter < _MIN_SIDE and longer >= _MAX_RATIO * shorter:
        batch = f"a batch of {first} clouds [{second}, {channels}]"
        what = "a cloud" if first == 1 else batch if first == shorter else "points"
        raise InputError(
            "unsupported", f"an {header}: {what}, or a narrow picture; {_say_which(source)}"
        )
    return "image"


def _say_which(source: Source) -> str:
    if source.is_array:
        return 'say which with modality="image" or modality="pointcloud"'
    return "say which with --modality image or --modality pointcloud"


def _no_sound(source: Source, header: ArrayHeader) -> InputError:
    way = "say it with rate=" if source.is_array else "so save it as WAV"
    message = f"an {header}: if it is a sound its sample rate is unknown, {way}"
    return InputError("unsupported", message)


def _axes(dtype: np.dtype[Any]) -> tuple[str, ...]:
    """The names of the fields x, y and z of a structured type; () for any other."""
    names = {str(name).lower(): str(name) for name in dtype.names or ()}
    if not {"x", "y", "z"} <= set(names) or dtype.fields is None:
        return ()
    axes = tuple(names[axis] for axis in "xyz")
    return axes if all(dtype.fields[name][0].kind in "uif" for name in axes) else ()


def _sample(source: Source, format: str, header: ArrayHeader) -> npt.NDArray[Any]:
    """The first values of an array. Raises InputError("corrupt")."""
    size = header.dtype.itemsize
    with (
        wrap_errors("corrupt", "the array is cut off or damaged"),
        source.open() as stream,
        _member(stream, format, header.name) as member,
    ):
        _read_header(member, header.name)
        content = member.read(min(_SAMPLE, math.prod(header.shape)) * size)
    return np.frombuffer(content[: len(content) // size * size], header.dtype)


def _headers(source: Source, format: str) -> list[ArrayHeader]:
    with wrap_errors("corrupt", "the NumPy header is cut off or damaged"), source.open() as stream:
        if format == "npy":
            return [_read_header(stream, "")]
        headers = []
        with zipfile.ZipFile(stream) as archive:
            for entry in archive.namelist():
                with archive.open(entry) as member:
                    name = entry.removesuffix(".npy")
                    headers.append(_read_header(cast("BinaryIO", member), name))
        return headers


def _read_header(stream: BinaryIO, name: str) -> ArrayHeader:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise InputError("unsupported", "a structured NumPy array, neither picture nor points")
    return ArrayHeader(name, shape, dtype)


@contextmanager
def _member(stream: BinaryIO, format: str, name: str) -> Iterator[BinaryIO]:
    if format == "npy":
        yield stream
        return
    with zipfile.ZipFile(stream) as archive, archive.open(f"{name}.npy") as member:
        yield cast("BinaryIO", member)
