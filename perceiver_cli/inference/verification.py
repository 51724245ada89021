"""Checks of checkpoints: every file, and every modality's default."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from perceiver_cli.checkpoints import home, registry
from perceiver_cli.checkpoints.digest import sha256
from perceiver_cli.errors import CheckpointError


class Check(NamedTuple):
    """The check of one file, or of a modality's default.

    Attributes:
        name: The file's name, a modality, or "defaults" for the table of default weights.
        problem: One line that names the file; None if there is none.
        digest: SHA-256 of an intact file.
    """

    name: str
    problem: str | None
    digest: str


def check_all(paths: list[Path] | None = None) -> Iterator[Check]:
    """Checks these files; by default all installed ones, and that each modality has a default."""
    chosen = list(registry.known().values()) if paths is None else paths
    for path in chosen:
        problem = _problem(load_completely, path)
        digest = "" if problem else sha256(path)
        problem = problem or _changed(path, digest)
        yield Check(path.name, problem, "" if problem else digest)
    if paths is None:
        yield from _missing_defaults()


def load_completely(path: Path) -> None:
    """Raises CheckpointError if a tensor is missing, misshapen or not finite."""
    import torch

    from perceiver_cli.inference.engine import Engine

    engine = Engine(path, torch.device("cpu"), "float32")
    for name, tensor in engine.float32_model.state_dict().items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path}: tensor {name} has values that are not finite")


def _changed(path: Path, digest: str) -> str | None:
    pulled = home.remembered_digest(path)
    if pulled in (None, digest):
        return None
    return f"{path}: its SHA-256 is not the one it was pulled with; pull it again"


def _missing_defaults() -> Iterator[Check]:
    if problem := _problem(registry.defaults):
        yield Check("defaults", problem, "")
        return
    for modality in registry.defaults():
        if problem := _problem(registry.default_for, modality):
            yield Check(modality, problem, "")


def _problem(check: Callable[..., Any], *values: Any) -> str | None:
    try:
        check(*values)
    except CheckpointError as error:
        return str(error)
    return None
