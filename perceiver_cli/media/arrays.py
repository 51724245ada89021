"""NumPy files: what is in them, told from the header alone, and reading without pickle."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.failures import failing_as
from perceiver_cli.media.limits import MAX_ARRAY_BYTES, most
from perceiver_cli.media.types import Source

# A table of floats wider than this is not coordinates with colours and normals.
MAX_POINT_COLUMNS = 16

# Members of an .npz that are preferred when several could be meant.
_USUAL_NAMES = ("points", "xyz", "pos", "vertices", "pointcloud", "pc", "image", "img", "arr_0")


@dataclass(frozen=True)
class ArrayHeader:
    """One stored array: its name inside an .npz ("" in an .npy), shape and type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"array of shape [{', '.join(map(str, self.shape))}], {self.dtype}"


def choose_array(source: Source, format: str) -> tuple[Literal["image", "pointcloud"], ArrayHeader]:
    """The array of an "npy" or "npz" file that can be classified, and as what.

    Raises InputError: "unsupported" if no array is a picture or a point cloud (or several are),
    "empty" if there are no elements, "corrupt" if headers cannot be read.
    """
    headers = _headers(source, format)
    if not headers:
        raise InputError("empty", "the archive holds no arrays")
    if len(headers) == 1:
        return _modality(headers[0]), headers[0]
    fitting = []
    for header in headers:
        with suppress(InputError):
            fitting.append((_modality(header), header))
    for name in _USUAL_NAMES:
        for modality, header in fitting:
            if header.name.lower() == name:
                return modality, header
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(header.name for header in headers[:6])
    problem = "none is a picture or points" if not fitting else "more than one could be meant"
    raise InputError("unsupported", f"holds several arrays ({names}) and {problem}")


def read_array(source: Source, format: str, header: ArrayHeader) -> np.ndarray:
    """The array that choose_array found. Raises InputError "too_large" or "corrupt"."""
    if math.prod(header.shape) * header.dtype.itemsize > MAX_ARRAY_BYTES:
        raise InputError("too_large", f"an {header}; {most('MAX_ARRAY_BYTES')}")
    with (
        failing_as("corrupt", "the array is cut off or damaged"),
        source.open() as stream,
        _member(stream, format, header.name) as member,
    ):
        return np.lib.format.read_array(member, allow_pickle=False)


def _modality(header: ArrayHeader) -> Literal["image", "pointcloud"]:
    shape, kind = header.shape, header.dtype.kind
    if kind == "O":
        raise InputError("unsupported", "holds Python objects (pickle), which are never loaded")
    if kind not in "uif":
        raise InputError("unsupported", f"an {header}, which is neither picture nor points")
    if 0 in shape:
        raise InputError("empty", f"an {header}: it has no elements")
    if len(shape) == 3 and shape[-1] in (1, 3, 4):
        return "image"
    if len(shape) == 2 and header.dtype.itemsize <= 2 and kind == "u" and min(shape) > 2:
        return "image"
    if len(shape) == 2 and 3 <= shape[1] <= MAX_POINT_COLUMNS:
        return "pointcloud"
    if len(shape) == 1 or (len(shape) == 2 and min(shape) <= 2):
        raise InputError(
            "unsupported",
            f"an {header}: if it is a sound its sample rate is unknown, so save it as WAV",
        )
    raise InputError(
        "unsupported",
        f"an {header}; points are [N, 3] and pictures are [height, width, 3]",
    )


def _headers(source: Source, format: str) -> list[ArrayHeader]:
    with failing_as("corrupt", "the NumPy header is cut off or damaged"), source.open() as stream:
        if format == "npy":
            return [_read_header(stream, "")]
        headers = []
        with zipfile.ZipFile(stream) as archive:
            for entry in archive.namelist():
                with archive.open(entry) as member:
                    headers.append(_read_header(member, entry.removesuffix(".npy")))
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
        yield member
