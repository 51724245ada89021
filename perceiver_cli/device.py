"""Where and in which precision the model runs."""

from __future__ import annotations

import torch

from perceiver_cli.errors import UsageError
from perceiver_cli.model.config import WIDE

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}


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


def pick_precision(name: str, device: torch.device, width: int = 0) -> torch.dtype:
    """The precision of that name for latents of `width` channels.

    "auto" is the lowest that is native and pays: int8 for wide latents, bfloat16, or float32.
    Raises UsageError if there is none of that name, or not here.
    """
    if name == "auto":
        wide = width >= WIDE and has_int8(device)
        name = "int8" if wide else "bfloat16" if has_bfloat16(device) else "float32"
    try:
        chosen = _PRECISIONS[name]
    except KeyError:
        raise UsageError(f"unknown precision {name}: auto, {', '.join(_PRECISIONS)}") from None
    if chosen == torch.int8 and not has_int8(device):
        raise UsageError("int8 wants a processor with bfloat16 and VNNI, which this is not")
    return chosen


def precision_in_words(name: str, device: torch.device) -> str:
    """What models compute in: "bfloat16 (wide models: int8)"."""
    narrow, wide = (
        str(pick_precision(name, device, width)).removeprefix("torch.") for width in (0, WIDE)
    )
    return narrow if narrow == wide else f"{narrow} (wide models: {wide})"


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are faster than float32 ones here."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        able = torch.cpu.get_capabilities()
        return bool(able.get("amx_bf16") or able.get("avx512_bf16"))
    return False


def has_int8(device: torch.device) -> bool:
    """Whether int8 products are faster than bfloat16 ones here, and both native."""
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and has_bfloat16(device) and bool(able.get("avx512_vnni"))
