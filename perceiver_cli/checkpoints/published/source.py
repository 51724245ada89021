"""A foreign checkpoint on disk: the transformers layout, or DeepMind's pickle of arrays."""

from __future__ import annotations

import json
import pickle
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from perceiver_cli.checkpoints.published.haiku import to_port
from perceiver_cli.checkpoints.published.pickles import read_arrays
from perceiver_cli.checkpoints.published.tensors import Tensors
from perceiver_cli.errors import CheckpointError, UsageError

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Foreign:
    """path: of the weights; settings: config.json, or None for DeepMind's own files, which come
    without any.
    """

    path: Path
    tensors: Tensors
    settings: dict[str, Any] | None


def read_foreign(path: Path) -> Foreign:
    """Reads the files of a published classifier.

    Args:
        path: A folder in the transformers layout, a weights file in one, or a .pystate file.

    Returns:
        Tensors under the port's names.

    Raises:
        CheckpointError: A file is missing or damaged; in one line that names it.
        UsageError: It is none of these.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such {'file' if path.suffix else 'folder'}")
    weights = _weights_in(path) if path.is_dir() else path
    if not weights.is_file():
        raise CheckpointError(f"{weights}: no such file")
    if weights.suffix == ".safetensors":
        tensors = _read_safetensors(weights)
    elif weights.suffix in (".bin", ".pt", ".pth") or zipfile.is_zipfile(weights):
        tensors = _read_torch(weights)
    elif weights.suffix in (".pystate", ".pkl", ".pickle"):
        arrays = read_arrays(weights)
        return Foreign(weights, Tensors(weights, to_port(arrays)), None)
    else:
        raise UsageError(
            f"{weights}: neither .safetensors nor .bin with a config.json, nor .pystate"
        )
    return Foreign(weights, Tensors(weights, tensors), _settings(weights.parent / "config.json"))


def _weights_in(folder: Path) -> Path:
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(f"{folder}: neither {' nor '.join(WEIGHTS)} is there")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        raise CheckpointError(
            f"{path}: not a whole safetensors file (truncated or corrupt)"
        ) from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if called := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise CheckpointError(
                f"{path}: refused, because loading it would call {called[1].rstrip('.')}; "
                "only tensors are read"
            ) from None
        raise CheckpointError(_torn(path)) from None
    except Exception as error:
        # A damaged archive fails in as many ways as it has parts.
        raise CheckpointError(_torn(path)) from error
    if not isinstance(found, dict) or not all(isinstance(t, Tensor) for t in found.values()):
        raise CheckpointError(f"{path}: not a mapping of names to tensors")
    return found


def _torn(path: Path) -> str:
    return f"{path}: not a whole PyTorch file (truncated or corrupt)"


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; it belongs beside the weights") from None
    except (OSError, ValueError):
        raise CheckpointError(f"{path}: cannot be read as JSON") from None
    if not isinstance(settings, dict) or settings.get("model_type") != "perceiver":
        raise CheckpointError(f"{path}: not the settings of a Perceiver")
    return settings
