"""The only place where torch's private oneDNN operations are called, each with a plain fallback.

Which of them run on this processor is found out once, by trying them on small tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional

# A byte times a weight, twice, is summed in 16 bits by processors without VNNI, and saturates
# there: 255 * 128 is the most that fits.
PAIR_LIMIT = 128


@dataclass(frozen=True)
class Kernels:
    """What runs on this processor.

    Attributes:
        packed: precisions whose weights can be packed.
        int8: whether products of 8-bit integers run.
        saturates: whether these are exact only for weights of which no two neighbours of one
            sign add up to more than PAIR_LIMIT.
    """

    packed: frozenset[torch.dtype] = frozenset()
    int8: bool = False
    saturates: bool = False


@cache
def available() -> Kernels:
    """What runs here. Tests replace this function to try other processors' paths."""
    return tried()


def tried() -> Kernels:
    """What runs here, found out anew."""
    if not torch.backends.mkldnn.is_available():
        return Kernels()
    kinds = (torch.float32, torch.bfloat16)
    packed = frozenset(kind for kind in kinds if _runs(partial(_packs, kind)))
    int8 = _runs(partial(_multiplies_exactly, PAIR_LIMIT // 2))
    # Without VNNI a small product may be exact where a large one is not.
    exact = not _may_saturate() and _runs(partial(_multiplies_exactly, 127))
    return Kernels(packed, int8, saturates=int8 and not exact)


def pack(weight: Tensor, rows: int) -> Tensor:
    """Lays out a weight [out, in] as oneDNN's products read it; for `packed_linear` alone.

    Args:
        weight: float32 or bfloat16, of a kind in `available().packed`.
        rows: how many rows inputs usually have; any number works.
    """
    return torch.ops.mkldnn._reorder_linear_weight(weight, rows)


def packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """[..., in] -> [..., out], with a weight from `pack` and x of its precision."""
    return torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")


class Int8Product:
    """Products of bytes with a weight of whole numbers, exact in their sums.

    Args:
        weight: whole numbers of at most 127 (`available().saturates` says what else), [out, in].
        scale: float32 [out], multiplies the sums.
        rows: how many rows inputs usually have; any number works.
    """

    def __init__(self, weight: Tensor, scale: Tensor, rows: int) -> None:
        self.native = available().int8
        whole = weight.to(torch.int8)
        self.weight = _pack_int8(whole, rows) if self.native else whole
        self.scale = scale

    def __call__(self, x: Tensor) -> Tensor:
        """x: uint8 [..., in], 128 for zero -> float32 [..., out]."""
        if not self.native:
            # In float64 no sum is rounded.
            sums = functional.linear(x.double() - 128, self.weight.double())
            return sums.float() * self.scale
        return _int8_linear(x, self.weight, self.scale)


def _pack_int8(weight: Tensor, rows: int) -> Tensor:
    return torch.ops.onednn.qlinear_prepack(weight, [rows, weight.shape[1]])


def _int8_linear(x: Tensor, packed: Tensor, scale: Tensor) -> Tensor:
    zeros = torch.zeros(len(scale), dtype=torch.int32)
    return torch.ops.onednn.qlinear_pointwise(
        x, 1.0, 128, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )


def _runs(trial: Callable[[], bool]) -> bool:
    """Whether a trial succeeds. An operation that is not there raises one of these."""
    try:
        return trial()
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


def _packs(kind: torch.dtype) -> bool:
    x, weight = (torch.linspace(-1, 1, n * 32).view(n, 32).to(kind) for n in (4, 16))
    bias = torch.ones(16, dtype=kind)
    found = packed_linear(x, pack(weight, 4), bias)
    return torch.allclose(found, functional.linear(x, weight, bias), rtol=0.01, atol=0.01)


def _multiplies_exactly(most: int) -> bool:
    """Whether bytes times weights up to `most` give exact sums, in the worst case as well."""
    weight = torch.full((32, 64), float(most))
    weight[1::2].neg_()
    weight[2::4, ::2] = 0
    x = torch.arange(32 * 64).view(32, 64).remainder(256).to(torch.uint8)
    x[::2] = 255
    found = _int8_linear(x, _pack_int8(weight.to(torch.int8), 32), torch.ones(32))
    return torch.equal(found, (x.double() - 128).matmul(weight.double().T).float())


def _may_saturate() -> bool:
    able = torch.cpu.get_capabilities()
    vnni = any(able.get(flag) for flag in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return able.get("architecture") == "x86_64" and not vnni
