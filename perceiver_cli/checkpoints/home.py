"""The user's own folder: pulled weights, and which weights serve a modality. Imports no torch.

PERCEIVER_HOME names it; else it is "perceiver" in the platform's folder for user data.
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
    """Where pulled weights lie. The file need not exist.

    Args:
        name: The name of the weights.
    """
    return home() / "weights" / f"{name}.safetensors"


def pulled() -> dict[str, Path]:
    """Name -> file of everything that was pulled, sorted by name."""
    return {path.stem: path for path in sorted((home() / "weights").glob("*.safetensors"))}


def remember_digest(path: Path, digest: str) -> None:
    """Keeps the SHA-256 of a file that was pulled, beside it, as sha256sum writes it.

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
    """Modality -> name, where the user chose one. Raises CheckpointError for a broken file."""
    path = _defaults_file()
    chosen = _read_defaults(path)
    if chosen is None:
        raise CheckpointError(
            f"{path}: cannot be read; `perceiver models default MODALITY NAME` writes it anew, "
            "and without it the bundled defaults hold"
        )
    return chosen


def choose_default(modality: str, name: str) -> Path | None:
    """Remembers which weights serve a modality.

    Args:
        modality: Its name.
        name: The name of the weights.

    Returns:
        The file in which earlier choices stood, if it was broken and they are lost.

    Raises:
        UsageError: It cannot be written.
    """
    path = _defaults_file()
    before = _read_defaults(path)
    text = json.dumps((before or {}) | {modality: name}, indent=2)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; PERCEIVER_HOME names the folder"
        ) from None
    return path if before is None else None


def _read_defaults(path: Path) -> dict[str, str] | None:
    """What the file says, {} if there is none, None if it is broken."""
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return None
    whole = isinstance(chosen, dict) and all(isinstance(name, str) for name in chosen.values())
    return chosen if whole else None


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _defaults_file() -> Path:
    return home() / "defaults.json"
