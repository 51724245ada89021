"""A checkpoint file from outside: header, size, shapes. Loads no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header, read_header


@dataclass(frozen=True)
class Summary:
    """path, header, bytes on disk, parameters, and the modalities it is the default for."""

    path: Path
    header: Header
    bytes: int
    parameters: int
    default_for: list[str]


def summarise(path: Path) -> Summary:
    """Reads the header and the tensors' shapes. Raises CheckpointError."""
    header = read_header(path)
    with safe_open(path, framework="numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    bundled = registry.bundled().get(path.stem) == path
    return Summary(
        path=path,
        header=header,
        bytes=path.stat().st_size,
        parameters=sum(math.prod(shape) for shape in shapes),
        default_for=_default_for(path.stem) if bundled else [],
    )


def _default_for(name: str) -> list[str]:
    return [modality for modality, served in registry.defaults().items() if served == name]
