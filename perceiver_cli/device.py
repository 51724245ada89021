"""Where the model runs, how arrays get there, and how many of them fit."""

from __future__ import annotations

import torch
from torch import Tensor

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


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device. A GPU copies it by itself, from pinned memory, while we go on."""
    if device.type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def free_bytes(device: torch.device) -> int | None:
    """Memory that new tensors can take on a GPU; None on other devices."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    # What torch has taken from the GPU and holds for tensors to come.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + held)
