"""The user's folder: pulled weights, and the default weights of modalities. Imports no torch.

The variable PERCEIVER_HOME sets it. The default is "perceiver" in the platform's folder for user
data.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from perceiver_cli.atomic import atomic_write
from perceiver_cli.errors import CheckpointError, UsageError


def home() -> Path:
    """The folder. It need not exist."""
    if own := os.environ.get("PERCEIVER_HOME"):
        return Path(own)
    from platformdirs import user_data_path

    return user_data_path("perceiver", appauthor=False)


def pulled_path(name: str) -> Path:
    """The path for pulled weights. The file need not exist.

    Args:
        name: The name of the weights.
    """
    return home() / "weights" / f"{name}.safetensors"


def pulled() -> dict[str, Path]:
    """Name -> file of all pulled weights, sorted by name."""
    return {path.stem: path for path in sorted((home() / "weights").glob("*.safetensors"))}


def remember_digest(path: Path, digest: str) -> None:
    """Writes the SHA-256 of a pulled file into a file beside it, as sha256sum does.

    Args:
        path: The file.
        digest: In hexadecimal.

    Raises:
        OSError: It cannot be written.
    """
    with atomic_write(_digest_file(path)) as part:
        part.write_text(f"{digest}  {path.name}\n", encoding="utf-8")


def remembered_digest(path: Path) -> str | None:
    """The SHA-256 that a file had when it was pulled.

    Args:
        path: The file.

    Returns:
        In hexadecimal; None if the file was not pulled.
    """
    try:
        return _digest_file(path).read_text(encoding="utf-8").split()[0]
    except (OSError, ValueError, IndexError):
        return None


def chosen_defaults() -> dict[str, str]:
    """Modality -> name of the user's default.

    Raises:
        CheckpointError: The file is damaged, or the user's folder is not a folder.
    """
    path = _defaults_file()
    try:
        chosen = _read_defaults(path)
    except NotADirectoryError:
        raise CheckpointError(f"{home()}: not a folder; PERCEIVER_HOME sets it") from None
    if chosen is None:
        raise CheckpointError(
            f"{path}: cannot be read; `perceiver models default MODALITY NAME` replaces it, "
            "and without it the bundled defaults apply"
        )
    return chosen


def choose_default(modality: str, name: str) -> Path | None:
    """Sets the default weights of a modality.

    Args:
        modality: Its name.
        name: The name of the weights.

    Returns:
        The file of earlier choices, if it was damaged and they are lost; else None.

    Raises:
        UsageError: It cannot be written.
    """
    path = _defaults_file()
    try:
        before = _read_defaults(path)
        text = json.dumps((before or {}) | {modality: name}, indent=2)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; PERCEIVER_HOME sets the folder"
        ) from None
    return path if before is None else None


def _read_defaults(path: Path) -> dict[str, str] | None:
    """The contents of the file; {} if there is none, None if it is damaged.

    Raises:
        NotADirectoryError: Its folder is not a folder.
    """
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise
    except (OSError, ValueError):
        return None
    whole = isinstance(chosen, dict) and all(isinstance(name, str) for name in chosen.values())
    return chosen if whole else None


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _defaults_file() -> Path:
    return home() / "defaults.json"
