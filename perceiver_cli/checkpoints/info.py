"""Facts about a checkpoint file: header, size, shapes. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header, read_header


@dataclass(frozen=True)
class CheckpointInfo:
    """Facts about a checkpoint that do not need its tensors.

    Attributes:
        path: The file.
        header: Its header.
        bytes: Its size on disk.
        parameters: Number of parameters.
        default_for: The modalities whose default it is.
        origin: "bundled", "pulled" or "file".
    """

    path: Path
    header: Header
    bytes: int
    parameters: int
    default_for: list[str]
    origin: str


def describe_checkpoint(path: Path) -> CheckpointInfo:
    """Reads the facts that `models list` and `models info` show.

    Args:
        path: The checkpoint; only its header and the tensors' shapes are read.

    Raises:
        CheckpointError: As read_header.
    """
    header = read_header(path)
    with safe_open(path, framework="numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    origin = _origin(path)
    return CheckpointInfo(
        path=path,
        header=header,
        bytes=path.stat().st_size,
        parameters=sum(math.prod(shape) for shape in shapes),
        default_for=[] if origin == "file" else _default_for(path.stem),
        origin=origin,
    )


def _origin(path: Path) -> str:
    if registry.bundled().get(path.stem) == path:
        return "bundled"
    return "pulled" if registry.known().get(path.stem) == path else "file"


def _default_for(name: str) -> list[str]:
    return [modality for modality, served in registry.defaults().items() if served == name]
