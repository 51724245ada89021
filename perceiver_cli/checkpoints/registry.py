"""The registry of installed weights, and the default of each modality. Imports no torch."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from perceiver_cli.checkpoints import home
from perceiver_cli.checkpoints.published.catalogue import PUBLISHED
from perceiver_cli.errors import CheckpointError, UsageError
from perceiver_cli.modalities import MODALITIES, find_modality, serving

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def bundled_folder() -> Path:
    """The folder of the bundled weights: inside an installed package, beside it in a checkout."""
    inside = _PACKAGE / "weights"
    return inside if inside.is_dir() else _PACKAGE.parent / "weights"


def bundled() -> dict[str, Path]:
    """Name -> file of every bundled checkpoint, sorted by name."""
    return {path.stem: path for path in sorted(bundled_folder().glob("*.safetensors"))}


def known() -> dict[str, Path]:
    """Name -> file of all installed weights: bundled, then pulled."""
    mine = bundled()
    return mine | {name: path for name, path in home.pulled().items() if name not in mine}


@cache
def defaults() -> dict[str, str]:
    """Modality -> name of its default checkpoint: the user's choice, or the bundled one."""
    return bundled_defaults() | home.chosen_defaults()


def bundled_defaults() -> dict[str, str]:
    """Modality -> name of its bundled checkpoint."""
    names = {name: MODALITIES[serving(name)].default_weights for name in MODALITIES}
    return {modality: name for modality, name in names.items() if name}


def find(name: str) -> Path:
    """The file of a checkpoint given by name or by path.

    Args:
        name: The name of bundled or pulled weights, or a path.

    Raises:
        UsageError: It does not exist; the message suggests a similar name.
        CheckpointError: It must be pulled first, or the file is missing.
    """
    at_hand = known()
    if name in at_hand:
        return at_hand[name]
    if name in PUBLISHED:
        raise CheckpointError(f"{name} is not installed; get it with: perceiver models pull {name}")
    path = Path(name)
    if path.suffix == ".safetensors" or path.is_file():
        if path.is_file():
            return path
        raise CheckpointError(f"{path}: no such file")
    names = dict.fromkeys([*at_hand, *PUBLISHED])
    raise UsageError(f"no such model: {name}; {_hint(name, list(names))}")


def default_for(modality: str) -> Path:
    """The default checkpoint of a modality.

    Args:
        modality: Its name.

    Raises:
        CheckpointError: It does not exist, or the file of chosen defaults is damaged.
    """
    name = defaults().get(modality)
    if name is None:
        raise CheckpointError(f"no weights for {modality} are bundled")
    path = known().get(name)
    if path is None:
        missing = bundled_folder() / f"{name}.safetensors"
        raise CheckpointError(f"{missing}: the weights for {modality} are missing")
    return path


def _hint(name: str, known_names: list[str]) -> str:
    """A suggestion for the name of a model that does not exist."""
    try:
        modality = find_modality(name).name
    except ValueError:
        near = difflib.get_close_matches(name, known_names, 1, 0.4)
        return f"did you mean {near[0]}?" if near else f"known: {', '.join(known_names)}"
    weights = defaults().get(modality)
    return f"{name} is a modality" + (f": its weights are {weights}" if weights else "")
