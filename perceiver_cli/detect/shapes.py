"""Binary 3D shapes."""

from __future__ import annotations

from typing import Literal

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Signature
from perceiver_cli.media.library_errors import wrap_errors
from perceiver_cli.media.pointcloud import folder_of
from perceiver_cli.media.shapes.gltf import check_gltf
from perceiver_cli.media.shapes.ply import check_header
from perceiver_cli.media.shapes.stl import HEADER_BYTES, TRIANGLE_BYTES, triangle_count
from perceiver_cli.media.source import Source


def detect_binary_shape(source: Source, signature: Signature) -> Detection:
    """PLY, whose header tells ASCII from binary, PCD, or GLB.

    Raises:
        InputError: "corrupt", or "unsupported" for variants that are not read.
    """
    if signature.format == "ply":
        return detect_ply(source)
    if signature.format == "glb":
        detect_gltf(source)
    return Detection("pointcloud", signature.format, signature.label)


def detect_ply(source: Source) -> Detection:
    """A PLY file by its header."""
    with wrap_errors("corrupt", "the PLY header is damaged"), source.open() as stream:
        kind = check_header(stream)
    return Detection("pointcloud", "ply", f"{kind} PLY header")


def detect_gltf(source: Source) -> Detection:
    """A glTF file, detected from its JSON, whose buffers can be read."""
    with wrap_errors("corrupt", "the glTF file is cut off or damaged"), source.open() as stream:
        location = check_gltf(stream, folder_of(source))
    return Detection("pointcloud", "gltf", f"glTF with its buffers {location}")


def binary_stl_state(head: bytes, size: int) -> Literal["exact", "short", "long"] | None:
    """How the triangle count of a possible binary STL fits the file size; None if it is too small.

    Binary STL has no signature (its 80-byte title may even begin with "solid"), but its size
    follows from its triangle count exactly.
    """
    triangles = triangle_count(head, size)
    if triangles is None:
        return None
    needed = HEADER_BYTES + TRIANGLE_BYTES * triangles
    stated = triangles.to_bytes(4, "little") == head[HEADER_BYTES - 4 : HEADER_BYTES]
    if needed == size and triangles and stated:
        return "exact"
    return "short" if size < needed else "long"
