"""Choice of the precision in which a model computes on a device."""

from __future__ import annotations

from functools import cache

import torch
from torch.nn import functional

from perceiver_cli.errors import UsageError
from perceiver_cli.model.quantization import kernels

# Channel count of the latents from which int8 quantization pays off.
WIDE = 512

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.int8}


def pick_precision(name: str, device: torch.device, width: int = 0) -> torch.dtype:
    """Picks the precision of a model.

    Args:
        name: "float32", "bfloat16" or "int8", which may be emulated, and then slow; "auto": the
            fastest one that is native on the device, int8 only for wide latents.
        device: Where the model runs.
        width: D of the latents.

    Raises:
        UsageError: The name is unknown, or the precision does not run on the device.
    """
    if name == "auto":
        if width >= WIDE and is_fast(torch.int8, device) and not _has_tiles(device):
            return torch.int8
        return torch.bfloat16 if is_fast(torch.bfloat16, device) else torch.float32
    try:
        chosen = _PRECISIONS[name]
    except KeyError:
        raise UsageError(f"unknown precision {name}: auto, {', '.join(_PRECISIONS)}") from None
    if not runs(chosen, device):
        raise UsageError(f"{name} does not run on the device {device}: try float32")
    return chosen


def precision_in_words(name: str, device: torch.device) -> str:
    """The precision of models, such as "bfloat16 (wide models: int8)"."""
    narrow, wide = (
        str(pick_precision(name, device, width)).removeprefix("torch.") for width in (0, WIDE)
    )
    return narrow if narrow == wide else f"{narrow} (wide models: {wide})"


def precisions_in_words(device: torch.device) -> list[tuple[str, str]]:
    """Each precision and how it runs on the device."""
    rows = []
    for name, precision in _PRECISIONS.items():
        if not runs(precision, device):
            how = "does not run"
        elif not is_fast(precision, device):
            how = "emulated: slower than float32, never chosen by auto"
        elif precision == torch.int8 and kernels.available().range != kernels.Range():
            how = "native; in coarser steps, because pairs of products saturate"
        else:
            how = "native"
        rows.append((name, how))
    return rows


def runs(precision: torch.dtype, device: torch.device) -> bool:
    """Whether models can compute in that precision: int8 on CPUs, others wherever torch can."""
    if precision == torch.int8:
        return device.type == "cpu"
    return multiplies_correctly(precision, device.type)


def is_fast(precision: torch.dtype, device: torch.device) -> bool:
    """Whether products of that precision are native, and so faster than those of wider ones.

    Emulated products are several times slower than those in float32.
    """
    if precision == torch.float32:
        return True
    if device.type == "cuda":
        return precision == torch.bfloat16 and torch.cuda.is_bf16_supported(False)
    if device.type != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    if precision == torch.int8:
        # vpmaddubsw, which AVX2 has, multiplies twice as many bytes as FMA does floats.
        return bool(able.get("avx2")) and kernels.available().int8
    native = able.get("amx_bf16") or able.get("avx512_bf16")
    return bool(native) and precision in kernels.available().packed


def _has_tiles(device: torch.device) -> bool:
    """Whether the processor multiplies tiles of bfloat16 (AMX).

    These products are so fast that quantizing the inputs of int8 products takes longer.
    """
    return bool(torch.cpu.get_capabilities().get("amx_bf16")) and is_fast(torch.bfloat16, device)


def float_dtype(precision: torch.dtype, device: torch.device) -> torch.dtype:
    """The floating-point precision of a model: in an int8 model bfloat16 if it is fast."""
    if precision != torch.int8:
        return precision
    return torch.bfloat16 if is_fast(torch.bfloat16, device) else torch.float32


@cache
def multiplies_correctly(precision: torch.dtype, device: str) -> bool:
    """Whether torch multiplies matrices of that precision on the device correctly."""
    try:
        x = torch.linspace(-1, 1, 32, device=device).view(4, 8)
        found = functional.linear(x.to(precision), x.to(precision))
    except (RuntimeError, TypeError):
        return False
    return torch.allclose(found.float(), functional.linear(x, x), rtol=0.02, atol=0.02)
