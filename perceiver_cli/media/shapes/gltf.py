"""glTF 2.0: the default scene's meshes with the transforms of their nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from perceiver_cli.array_types import FloatArray, IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.gltf_accessors import read_floats, read_integers
from perceiver_cli.media.shapes.gltf_file import GltfFile, compressed, item
from perceiver_cli.media.shapes.gltf_nodes import Placement, placements
from perceiver_cli.media.shapes.shape import GrowingArray, Shape, valid_faces

_DRACO = "KHR_draco_mesh_compression"
_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6
_VERTICES_AT_ONCE = 2**16

# Exceptions for JSON with another structure than glTF's.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)


def read_gltf(stream: BinaryIO, folder: Path | None) -> Shape:
    """The shape in a glTF or GLB file.

    Args:
        stream: At the beginning of the file.
        folder: The folder of the files beside it; None if there are none.

    Raises:
        InputError: "corrupt", "unsupported", "too_large", or "unreadable" for files beside it.
    """
    try:
        return _read(GltfFile(stream, folder))
    except _DAMAGE as error:
        raise InputError("corrupt", "the glTF data is cut off or damaged") from error


def check_gltf(stream: BinaryIO, folder: Path | None) -> str:
    """The location of a glTF file's buffers, in words. Raises InputError as read_gltf does."""
    try:
        return GltfFile(stream, folder).check_buffers()
    except _DAMAGE as error:
        raise InputError("corrupt", "the glTF file is cut off or damaged") from error


def _read(file: GltfFile) -> Shape:
    vertices, faces = GrowingArray(3, np.float64), GrowingArray(3, np.int32)
    notes: dict[str, None] = {}
    for placement in placements(file):
        begins: dict[Any, int] = {}  # primitives of one mesh may share their vertices
        for primitive in item(file.document, "meshes", placement.mesh)["primitives"]:
            at = primitive["attributes"].get("POSITION")
            if at is None:
                continue
            key = (at, *(str(primitive.get(name)) for name in ("targets", "attributes")))
            count = item(file.document, "accessors", at)["count"]
            if key not in begins:
                begins[key] = vertices.count
                vertices.check_room(count)
                for block in _placed(file, primitive, placement):
                    vertices.append(block)
            corners, new_notes = valid_faces(_triangles(file, primitive, count), count)
            notes |= dict.fromkeys(new_notes)
            faces.append(corners.astype(np.int64) + begins[key])
    return Shape(vertices.rows(), faces.rows(), tuple(notes))


def _placed(
    file: GltfFile, primitive: dict[str, Any], placement: Placement
) -> Iterator[FloatArray]:
    """The vertices of a primitive in the scene, float64 [any, 3], in blocks."""
    attributes, document = primitive["attributes"], file.document
    accessor = item(document, "accessors", attributes["POSITION"])
    if _DRACO in primitive.get("extensions", {}) and accessor.get("bufferView") is None:
        raise compressed(_DRACO)
    targets = primitive.get("targets", [])
    parts = [(1.0, read_floats(file, attributes["POSITION"]))]
    for weight, target in zip(placement.weights, targets, strict=False):
        if weight and "POSITION" in target:
            parts.append((weight, read_floats(file, target["POSITION"])))
    influences: list[tuple[IntegerArray, FloatArray]] = []
    if placement.follows_joints:
        while f"JOINTS_{len(influences)}" in attributes:
            joints = read_integers(file, attributes[f"JOINTS_{len(influences)}"])
            influences.append((joints, read_floats(file, attributes[f"WEIGHTS_{len(influences)}"])))
    for begin in range(0, len(parts[0][1]), _VERTICES_AT_ONCE):
        block = slice(begin, begin + _VERTICES_AT_ONCE)
        points = np.sum([weight * values[block].astype(np.float64) for weight, values in parts], 0)
        if not influences:
            yield _moved(points, placement.matrices[0])
            continue
        joints = np.concatenate([each[block] for each, _ in influences], axis=1)
        shares = np.concatenate([each[block] for _, each in influences], axis=1)
        totals = shares.sum(axis=1, keepdims=True)
        shares = shares / np.where(totals > 0, totals, 1)
        bent = np.zeros_like(points)
        for joint in np.unique(joints):
            share = np.where(joints == joint, shares, 0).sum(axis=1, keepdims=True)
            bent += share * _moved(points, placement.matrices[joint])
        yield bent


def _moved(points: FloatArray, matrix: FloatArray) -> FloatArray:
    moved: FloatArray = points @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _triangles(file: GltfFile, primitive: dict[str, Any], vertices: int) -> IntegerArray:
    """Triangles [T, 3] as indices into the primitive's vertices; none for points and lines."""
    mode = primitive.get("mode", _TRIANGLES)
    if mode < _TRIANGLES:
        return np.zeros((0, 3), np.int64)
    if primitive.get("indices") is None:
        order: IntegerArray = np.arange(vertices)
    else:
        order = read_integers(file, primitive["indices"])[:, 0]
    if mode == _TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if len(order) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == _STRIP:
        return np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    if mode == _FAN:
        return np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)
    raise InputError("corrupt", f"the glTF is damaged: primitives of mode {mode}")
