"""The nodes of a glTF scene: the instances of its meshes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from perceiver_cli.array_types import FloatArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.gltf_accessors import read_floats
from perceiver_cli.media.shapes.gltf_file import GltfFile, item, items

_INSTANCING = "EXT_mesh_gpu_instancing"


@dataclass(frozen=True)
class Placement:
    """An instance of a mesh in the scene.

    Attributes:
        mesh: Its index.
        matrices: float64 [1, 4, 4], from the mesh's coordinates to the scene's; [joints, 4, 4] for
            a mesh whose vertices follow several joints.
        follows_joints: Whether the mesh is skinned.
        weights: The weights of its morph targets.
    """

    mesh: int
    matrices: FloatArray
    follows_joints: bool
    weights: tuple[float, ...]


def placements(file: GltfFile) -> Iterator[Placement]:
    """All meshes of the default scene; of all nodes if the file names no scene."""
    document = file.document
    worlds = _world_matrices(document)
    nodes = items(document, "nodes")
    if not nodes:
        for index, mesh in enumerate(items(document, "meshes")):
            yield Placement(index, np.eye(4)[None], False, _weights(mesh))
    for index in _shown(document):
        node = nodes[index]
        if node.get("mesh") is None:
            continue
        mesh = item(document, "meshes", node["mesh"])
        weights = _weights(node) or _weights(mesh)
        if node.get("skin") is not None:
            joints = _joint_matrices(file, node["skin"], worlds)
            yield Placement(node["mesh"], joints, True, weights)
            continue
        for instance in _instances(file, node):
            yield Placement(node["mesh"], (worlds[index] @ instance)[None], False, weights)


def _shown(document: dict[str, Any]) -> list[int]:
    """The nodes of the default scene, children behind their parents."""
    scenes = items(document, "scenes")
    if scenes:
        roots = item(document, "scenes", document.get("scene", 0)).get("nodes", [])
    else:
        children = {c for node in items(document, "nodes") for c in node.get("children", [])}
        roots = [i for i in range(len(items(document, "nodes"))) if i not in children]
    found: dict[int, None] = {}
    waiting = list(reversed(roots))
    while waiting:
        index = waiting.pop()
        if index in found:
            raise InputError(
                "corrupt", "the glTF is damaged: a node appears more than once in its scene"
            )
        node = item(document, "nodes", index)
        hidden = node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible") is False
        if not hidden:
            found[index] = None
            waiting += reversed(node.get("children", []))
    return list(found)


def _world_matrices(document: dict[str, Any]) -> list[FloatArray]:
    """float64 [4, 4] of every node, joints outside the scene included."""
    nodes = items(document, "nodes")
    parents = {child: i for i, node in enumerate(nodes) for child in node.get("children", [])}
    worlds: dict[int, FloatArray] = {}
    for index in range(len(nodes)):
        line: dict[int, None] = {}
        at: int | None = index
        while at is not None and at not in worlds and at not in line:
            line[at] = None
            at = parents.get(at)
        if at in line:
            raise InputError("corrupt", "the glTF is damaged: a node is its own descendant")
        for below in reversed(line):
            above = parents.get(below)
            local = _local_matrix(item(document, "nodes", below))
            worlds[below] = local if above is None else worlds[above] @ local
    return [worlds[index] for index in range(len(nodes))]


def _local_matrix(node: dict[str, Any]) -> FloatArray:
    matrix: FloatArray
    if "matrix" in node:
        matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
        return matrix
    (matrix,) = _compose(
        np.array([node.get("translation", (0, 0, 0))], np.float64),
        np.array([node.get("rotation", (0, 0, 0, 1))], np.float64),
        np.array([node.get("scale", (1, 1, 1))], np.float64),
    )
    return matrix


def _instances(file: GltfFile, node: dict[str, Any]) -> FloatArray:
    """float64 [instances, 4, 4], from a mesh's coordinates to those of its node."""
    extension = node.get("extensions", {}).get(_INSTANCING)
    if extension is None:
        return np.eye(4)[None]
    found = {name: read_floats(file, at) for name, at in extension["attributes"].items()}
    count = max((len(values) for values in found.values()), default=0)
    return _compose(
        found.get("TRANSLATION", np.zeros((count, 3))),
        found.get("ROTATION", np.tile((0.0, 0.0, 0.0, 1.0), (count, 1))),
        found.get("SCALE", np.ones((count, 3))),
    )


def _joint_matrices(file: GltfFile, index: Any, worlds: list[FloatArray]) -> FloatArray:
    """float64 [joints, 4, 4], from a skinned mesh's coordinates to the scene's."""
    skin = item(file.document, "skins", index)
    joints = np.stack([worlds[joint] for joint in skin["joints"]])
    bound = skin.get("inverseBindMatrices")
    if bound is None:
        return joints
    inverse = read_floats(file, bound).reshape(-1, 4, 4).transpose(0, 2, 1)
    placed: FloatArray = joints @ inverse[: len(joints)]
    return placed


def _compose(moves: FloatArray, turns: FloatArray, scales: FloatArray) -> FloatArray:
    """Translations [N, 3], quaternions [N, 4] as x, y, z, w, and scales [N, 3] -> [N, 4, 4]."""
    lengths = np.linalg.norm(turns.astype(np.float64), axis=1, keepdims=True)
    x, y, z, w = np.where(lengths > 0, turns / np.where(lengths > 0, lengths, 1), (0, 0, 0, 1)).T
    rotation = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=1),
            np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=1),
            np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=1),
        ],
        axis=1,
    )
    matrices = np.tile(np.eye(4), (len(moves), 1, 1))
    matrices[:, :3, :3] = rotation * scales[:, None, :]
    matrices[:, :3, 3] = moves
    return matrices


def _weights(entry: dict[str, Any]) -> tuple[float, ...]:
    return tuple(map(float, entry.get("weights") or ()))
