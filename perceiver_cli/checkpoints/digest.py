"""Digests of weights and options, by which a resumed run recognises its earlier results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from perceiver_cli.checkpoints import registry
from perceiver_cli.errors import CheckpointError
from perceiver_cli.modalities import MODALITIES
from perceiver_cli.version import package_version

_DIGITS = 16

# Settings of a Classifier that change its speed, but not its results.
_MACHINE = frozenset(
    ("model", "batch_size", "device", "threads", "decoders", "timeout", "preview_sides")
)


class WeightsOf:
    """Modality -> digest of its checkpoint, which is `model` for all modalities if it is given.

    None stands for inputs that were never detected; without a `model` they have no weights.
    """

    def __init__(self, model: str | None) -> None:
        self._only = registry.find(model) if model else None

    def __call__(self, modality: str | None) -> str | None:
        """The digest. Raises CheckpointError if the weights are missing."""
        if self._only is not None:
            return digest(self._only)
        return digest(registry.default_for(modality)) if modality else None


def options_digest(settings: Mapping[str, Any]) -> str:
    """A digest of the settings of a Classifier that affect its results.

    Args:
        settings: The Classifier's arguments. The name of the model and arguments that affect only
            the speed are ignored.
    """
    kept = {name: value for name, value in settings.items() if name not in _MACHINE}
    return _digits(json.dumps(kept, sort_keys=True, default=str))


def run_fingerprint(model: str | None, settings: Mapping[str, Any]) -> str:
    """A digest of the weights, the options and the package's version.

    Args:
        model: The checkpoint for every input; None: each modality's default.
        settings: As in options_digest.

    Raises:
        CheckpointError, UsageError: The given model does not exist.
    """
    weights_of = WeightsOf(model)
    weights: dict[str, str | None] = {}
    for modality in MODALITIES:
        try:
            weights[modality] = weights_of(modality)
        except CheckpointError:
            if model is not None:
                raise
            weights[modality] = None
    return _digits(json.dumps([weights, options_digest(settings), package_version()]))


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


@cache
def digest(path: Path) -> str:
    """The first digits of the file's SHA-256.

    Args:
        path: The file. It is read once in a process.

    Raises:
        OSError: It cannot be read.
    """
    return sha256(path)[:_DIGITS]


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
    """
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(2**20):
            found.update(block)
    return found.hexdigest()
