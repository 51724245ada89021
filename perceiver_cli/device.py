"""The model's device: its choice, transfers to it, and its free memory."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.errors import UsageError


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" is the first of cuda, mps and cpu that works.

    Raises UsageError if the device named is not available.
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
    """The tensor on a device. To a GPU it is copied asynchronously, from pinned memory."""
    if device.type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def free_bytes(device: torch.device) -> int | None:
    """Free memory on a GPU for new tensors; None on other devices."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    # Memory that torch has reserved for new tensors.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + held)
