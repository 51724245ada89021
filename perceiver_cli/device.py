"""Where the model runs."""

from __future__ import annotations

import torch

from perceiver_cli.errors import UsageError


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" is the first of cuda, mps and cpu that works.

    Raises UsageError if the one named does not work here.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, works in available.items() if works)
    if not available.get(name):
        raise UsageError(f"device {name} is not available here")
    return torch.device(name)
