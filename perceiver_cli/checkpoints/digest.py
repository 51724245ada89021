"""What tells one checkpoint from another of the same name. Imports no torch."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from perceiver_cli.checkpoints import registry

_DIGITS = 16


class WeightsOf:
    """Modality -> digest of the checkpoint that serves it; of `model` for all, if one is named.

    None stands for inputs that were never detected; without a `model` they have no weights.
    """

    def __init__(self, model: str | None) -> None:
        self._only = registry.find(model) if model else None

    def __call__(self, modality: str | None) -> str | None:
        """The digest. Raises CheckpointError if the weights are missing."""
        if self._only is not None:
            return digest(self._only)
        return digest(registry.default_for(modality)) if modality else None


@cache
def digest(path: Path) -> str:
    """The first digits of the file's SHA-256."""
    return sha256(path)[:_DIGITS]


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(2**20):
            found.update(block)
    return found.hexdigest()
