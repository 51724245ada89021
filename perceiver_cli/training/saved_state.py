"""The saved state of a training: its file, and a check that it belongs to the same training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.errors import UsageError
from perceiver_cli.model.config import PerceiverConfig

# A training's settings that its state depends on: a name for people -> a JSON value.
Design = Mapping[str, Any]


def state_file(run: Path) -> Path:
    """The file of the state in a run folder."""
    return run / "state.safetensors"


def open_state(run: Path) -> Any:
    """Opens the state in a run folder.

    Args:
        run: The folder.

    Returns:
        A context manager of the safetensors file; None if there is no state.

    Raises:
        UsageError: It cannot be read. Starting again would replace it.
    """
    path = state_file(run)
    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"{path}: the state of the training cannot be read ({error}): "
            "remove it to start again, or name another folder with --run"
        ) from None


def design_of(
    adapter: Adapter, config: PerceiverConfig, classes: list[str], init_from: Any
) -> Design:
    """The settings that must be unchanged for a training to continue from a state.

    Args:
        adapter: Reads the files.
        config: The model's.
        classes: Ids of the classes, in order.
        init_from: What the training starts from, as JSON; None for random weights.

    Returns:
        "classes", "--from", and the names that --set takes.
    """
    settings = {f"input.{name}": value for name, value in asdict(adapter.recipe).items()}
    settings |= {f"model.{name}": value for name, value in asdict(config).items()}
    design = {"classes": classes, "--from": init_from} | settings
    result: Design = json.loads(json.dumps(design))
    return result


def check_continues(run: Path, design: Design) -> None:
    """Checks that the state in a run folder, if there is one, is that of the same training.

    Settings that only one of the two has, as in another version, are ignored.

    Args:
        run: The folder.
        design: The training's, see design_of.

    Raises:
        UsageError: The state is that of another training, or cannot be read.
    """
    opened = open_state(run)
    if opened is None:
        return
    with opened as file:
        saved = json.loads((file.metadata() or {}).get("design", "{}"))
    differing = [name for name in design if name in saved and saved[name] != design[name]]
    if differing:
        raise UsageError(other_training(run, ", ".join(differing)))


def other_training(run: Path, differing: str) -> str:
    """The message for a run folder that contains the state of another training.

    Args:
        run: The folder.
        differing: What differs, in words.
    """
    return (
        f"{run} contains the state of another training, which differs in {differing}: "
        "remove it, or name another folder with --run"
    )
