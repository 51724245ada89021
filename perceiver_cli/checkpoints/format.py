"""The checkpoint file: a safetensors file whose metadata says everything else, as JSON.

No pickle is involved. Tensors are stored in float16, or in float32 where they were published so,
and read back as float32.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from perceiver_cli.errors import CheckpointError
from perceiver_cli.model.config import PerceiverConfig

FORMAT = 1


@dataclass(frozen=True)
class Label:
    """What people read, and the data set's own id for the class."""

    id: str
    label: str


@dataclass(frozen=True)
class Header:
    """Everything a checkpoint says beside its tensors.

    recipe: the adapter's settings, with "modality"; temperature: divides the logits before the
    softmax; threshold: the top score under which an answer is unsure (None: never fitted);
    card: data, licence, command, measured figures, date and package version, as plain JSON.
    """

    name: str
    model: PerceiverConfig
    recipe: dict[str, Any]
    labels: list[Label]
    temperature: float = 1.0
    threshold: float | None = None
    card: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A header and its tensors, float32, by parameter name. half: the file has them in float16."""

    header: Header
    tensors: dict[str, Any]
    half: bool = True


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file beside its place and renames it, so that no half file is ever seen."""
    import torch
    from safetensors.torch import save_file

    values = {"format": FORMAT, **asdict(checkpoint.header)}
    dtype = torch.float16 if checkpoint.half else torch.float32
    tensors = {name: t.detach().to(dtype).contiguous() for name, t in checkpoint.tensors.items()}
    beside = path.with_name(f".{path.name}.part")
    try:
        save_file(tensors, beside, metadata={"perceiver": json.dumps(values)})
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_header(path: Path) -> Header:
    """The header alone: no torch, no tensor is read. Raises CheckpointError in one line."""
    try:
        with safe_open(path, framework="numpy") as file:
            return _parse(path, file.metadata())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_unreadable(path, error)) from None


def load_checkpoint(path: Path) -> Checkpoint:
    """Header and tensors (float32). Raises CheckpointError in one line that names the file."""
    try:
        with safe_open(path, framework="pt") as file:
            header = _parse(path, file.metadata())
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_unreadable(path, error)) from None
    half = all(tensor.dtype.itemsize == 2 for tensor in stored.values())
    return Checkpoint(header, {name: t.float() for name, t in stored.items()}, half)


def build_model(checkpoint: Checkpoint, source: str) -> Any:
    """The Perceiver in evaluation mode, every tensor accounted for.

    Raises CheckpointError if tensors are missing, left over or of the wrong shape.
    """
    import torch

    from perceiver_cli.model.perceiver import Perceiver

    with torch.device("meta"):
        model = Perceiver(checkpoint.header.model)
    expected = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in checkpoint.tensors.items()}
    if expected != found:
        raise CheckpointError(f"{source}: {_first_difference(expected, found)}")
    model.load_state_dict(OrderedDict(checkpoint.tensors), assign=True)
    return model.requires_grad_(False).eval()


def _first_difference(
    expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]
) -> str:
    for name, shape in expected.items():
        if name not in found:
            return f"tensor {name} is missing"
        if found[name] != shape:
            return f"tensor {name} has shape {list(found[name])}, expected {list(shape)}"
    return f"unexpected tensor {sorted(set(found) - set(expected))[0]}"


def _parse(path: Path, metadata: dict[str, str] | None) -> Header:
    if not metadata or "perceiver" not in metadata:
        raise CheckpointError(f"{path}: not a perceiver checkpoint (no header in its metadata)")
    try:
        values = json.loads(metadata["perceiver"])
        version = values.pop("format")
        if version > FORMAT:
            raise CheckpointError(
                f"{path}: written in format {version}, this version reads up to {FORMAT}: "
                "upgrade perceiver-cli"
            )
        values["model"] = PerceiverConfig.from_dict(values["model"])
        values["labels"] = [Label(**entry) for entry in values["labels"]]
        header = Header(**values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: its header cannot be read ({error})") from None
    if len(header.labels) != header.model.classes:
        raise CheckpointError(
            f"{path}: {len(header.labels)} labels for {header.model.classes} classes"
        )
    return header


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such file"
    if isinstance(error, SafetensorError):
        return f"{path}: not a whole safetensors file (truncated or corrupt)"
    return f"{path}: {error.strerror or error}"
