"""Binary 3D shapes."""

from __future__ import annotations

import struct
from typing import Literal

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Signature
from perceiver_cli.errors import InputError

_STL_HEADER, _STL_TRIANGLE = 84, 50


def detect_binary_shape(signature: Signature, head: bytes) -> Detection:
    """PLY (its header tells ascii from binary) or GLB version 2."""
    if signature.format == "ply":
        if b"element vertex" not in head:
            raise InputError("corrupt", "the PLY header is cut off or names no vertices")
        kind = "ASCII" if b"format ascii" in head[:200] else "binary"
        return Detection("pointcloud", "ply", f"{kind} {signature.label}")
    if head[4:8] != b"\x02\0\0\0":
        raise InputError("unsupported", "a GLB of another version than 2; export it again")
    return Detection("pointcloud", "glb", signature.label)


def binary_stl_state(head: bytes, size: int) -> Literal["exact", "short", "long"] | None:
    """How the triangle count of a would-be binary STL fits the file size; None if too small.

    Binary STL has no signature (its 80-byte title may even begin with "solid"), but its size
    follows from its triangle count exactly.
    """
    if size < _STL_HEADER:
        return None
    (triangles,) = struct.unpack_from("<I", head, 80)
    needed = _STL_HEADER + _STL_TRIANGLE * triangles
    if needed == size and triangles:
        return "exact"
    return "short" if size < needed else "long"
