"""Typed arrays in the buffers of a glTF file: strided, normalised, sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import FloatArray, IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text
from perceiver_cli.media.shapes.gltf_file import GltfFile, compressed, item

_TYPES = {
    **{5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5124: "<i4", 5125: "<u4"},
    **{5126: "<f4", 5130: "<f8"},
}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def read_floats(file: GltfFile, index: Any) -> FloatArray:
    """An accessor as float32 or float64 [count, width]; normalised integers as fractions."""
    values = _read(file, index)
    if values.dtype.kind == "f":
        return values
    if not item(file.document, "accessors", index).get("normalized"):
        return values.astype(np.float32 if values.dtype.itemsize < 4 else np.float64)
    largest = np.iinfo(values.dtype).max
    fractions: FloatArray = np.maximum(values / np.float32(largest), np.float32(-1))
    return fractions


def read_integers(file: GltfFile, index: Any) -> IntegerArray:
    """An accessor of integers [count, width]."""
    values = _read(file, index)
    if values.dtype.kind not in "iu":
        raise InputError("corrupt", "the glTF is damaged: indices that are not integers")
    return values


def _read(file: GltfFile, index: Any) -> npt.NDArray[Any]:
    accessor = item(file.document, "accessors", index)
    kind = np.dtype(_TYPES[accessor["componentType"]])
    width, count = _WIDTHS[accessor["type"]], accessor["count"]
    if count * width * kind.itemsize > MAX_SHAPE_BYTES:
        raise InputError("too_large", f"the shape is too large: {limit_text('MAX_SHAPE_BYTES')}")
    view, offset = accessor.get("bufferView"), accessor.get("byteOffset", 0)
    if view is None:
        values = np.zeros((count, width), kind)
    else:
        values = _read_view(file, view, offset, kind, (count, width))
    sparse = accessor.get("sparse")
    if sparse:
        number, at, by = sparse["count"], sparse["indices"], sparse["values"]
        where = np.dtype(_TYPES[at["componentType"]])
        indices = _read_view(file, at["bufferView"], at.get("byteOffset", 0), where, (number, 1))
        shape = (number, width)
        values = np.array(values)
        values[indices[:, 0]] = _read_view(
            file, by["bufferView"], by.get("byteOffset", 0), kind, shape
        )
    return values


def _read_view(
    file: GltfFile, index: Any, offset: int, kind: np.dtype[Any], shape: tuple[int, int]
) -> npt.NDArray[Any]:
    view = item(file.document, "bufferViews", index)
    for name in view.get("extensions", {}):
        if name.endswith("meshopt_compression") and not file.holds(view["buffer"]):
            raise compressed(name)
    count, width = shape
    packed = kind.itemsize * width
    stride = view.get("byteStride") or packed
    size = stride * (count - 1) + packed if count else 0
    if offset < 0 or stride < packed or offset + size > view["byteLength"]:
        raise InputError("corrupt", "the glTF names values beyond the end of their buffer view")
    content = file.read(view["buffer"], view.get("byteOffset", 0) + offset, size)
    return np.ndarray(shape, kind, content, strides=(stride, kind.itemsize))
