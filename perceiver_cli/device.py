"""The model's device: its choice, transfers to it, and its free memory."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.errors import UsageError


def pick_device(name: str) -> torch.device:
    """Picks the device of that name; "auto" is the first of cuda, mps and cpu that works.

    Raises UsageError if the device is not available.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, works in available.items() if works)
    if not available.get(name):
        raise UsageError(f"device {name} is not available")
    return torch.device(name)


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device. To a GPU it is copied asynchronously, from pinned memory."""
    if device.type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def widest_float(device: torch.device) -> torch.dtype:
    """float64, or float32 on devices that may lack it, such as MPS."""
    return torch.float64 if device.type in ("cpu", "cuda") else torch.float32


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch is a lack of memory, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    # On the CPU and on MPS torch raises a plain RuntimeError.
    words = ("DefaultCPUAllocator", "MPS backend out of memory")
    return isinstance(error, RuntimeError) and any(each in str(error) for each in words)


def free_bytes(device: torch.device) -> int | None:
    """Free memory on a GPU for new tensors; None on other devices."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    # Memory that torch has reserved for new tensors.
    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free + held)
