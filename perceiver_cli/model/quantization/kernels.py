"""Torch's private oneDNN operations, each with a plain fallback. No other module calls them.

They are tried once on small tensors, to find those that run on this processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Range:
    """The ranges of integers whose products are exact.

    Attributes:
        inputs: range of inputs, -inputs to inputs, passed as bytes with an offset of `zero`.
        weights: range of weights, -weights to weights.
        pairs: largest magnitude of the sum of two neighbouring weights of the same sign.
    """

    inputs: int = 127
    weights: int = 127
    pairs: int = 254

    @property
    def zero(self) -> int:
        """The byte that stands for zero."""
        return self.inputs + 1


# Processors without VNNI add the products of two bytes and two weights in 16 bits, and saturate:
# 191 * 171 just fits. Inputs lose more range, because their rounding errors average out over rows.
SATURATING = Range(inputs=95, pairs=171)


@dataclass(frozen=True)
class Kernels:
    """The operations that run on this processor.

    Attributes:
        packed: precisions whose weights can be packed.
        int8: whether products of 8-bit integers run.
        range: the range in which they are exact.
    """

    packed: frozenset[torch.dtype] = frozenset()
    int8: bool = False
    range: Range = Range()


@cache
def available() -> Kernels:
    """The operations that run here. Tests replace this function to test other processors."""
    return probe()


def probe() -> Kernels:
    """Finds the operations that run here."""
    if not torch.backends.mkldnn.is_available():
        return Kernels()
    kinds = (torch.float32, torch.bfloat16)
    packed = frozenset(kind for kind in kinds if _runs(partial(_packs, kind)))
    # Without VNNI a small product may be exact although a large one is not.
    ranges = (SATURATING,) if _may_saturate() else (Range(), SATURATING)
    for exact in ranges:
        if _runs(partial(_multiplies_exactly, exact)):
            return Kernels(packed, int8=True, range=exact)
    return Kernels(packed)


def pack(weight: Tensor, rows: int) -> Tensor:
    """Packs a weight [out, in] in oneDNN's layout; only for `packed_linear`.

    Args:
        weight: float32 or bfloat16, of a kind in `available().packed`.
        rows: usual number of rows of the inputs; any number works.
    """
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
    return found


def packed_linear(x: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """A linear layer with a packed weight.

    Args:
        x: [..., in], of the weight's precision.
        packed: The weight, from `pack`.
        bias: [out].

    Returns:
        [..., out].
    """
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
    return found


class Int8Product:
    """Exact products of bytes with a weight of integers.

    Args:
        weight: integers within `available().range`, [out, in].
        scale: float32 [out], multiplies the sums.
        rows: usual number of rows of the inputs; any number works.
    """

    def __init__(self, weight: Tensor, scale: Tensor, rows: int) -> None:
        able = available()
        self.native = able.int8
        self.zero = able.range.zero
        whole = weight.to(torch.int8)
        self.weight = pack_int8(whole, rows) if self.native else whole
        self.scale = scale

    def __call__(self, x: Tensor) -> Tensor:
        """x: uint8 [..., in] with an offset of the range's `zero` -> float32 [..., out]."""
        if not self.native:
            # Sums are exact in float64.
            sums = functional.linear(x.double() - self.zero, self.weight.double())
            return sums.float() * self.scale
        return int8_linear(x, self.zero, self.weight, self.scale)


def pack_int8(weight: Tensor, rows: int) -> Tensor:
    """Packs a weight of 8-bit integers [out, in] in oneDNN's layout; only for `int8_linear`.

    Args:
        weight: int8.
        rows: Usual number of rows of the inputs; any number works.
    """
    found: Tensor = torch.ops.onednn.qlinear_prepack(weight, [rows, weight.shape[1]])
    return found


def int8_linear(x: Tensor, zero: int, packed: Tensor, scale: Tensor) -> Tensor:
    """Products of bytes with a packed weight of 8-bit integers.

    Args:
        x: uint8 [..., in].
        zero: The byte that stands for zero.
        packed: The weight, from `pack_int8`.
        scale: float32 [out], multiplies the sums.

    Returns:
        float32 [..., out].
    """
    zeros = torch.zeros(len(scale), dtype=torch.int32)
    found: Tensor = torch.ops.onednn.qlinear_pointwise(
        x, 1.0, zero, packed, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )
    return found


def _runs(trial: Callable[[], bool]) -> bool:
    """Whether a trial succeeds. A missing operation raises one of these exceptions."""
    try:
        return trial()
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


def _packs(kind: torch.dtype) -> bool:
    x, weight = (torch.linspace(-1, 1, n * 32).view(n, 32).to(kind) for n in (4, 16))
    bias = torch.ones(16, dtype=kind)
    found = packed_linear(x, pack(weight, 4), bias)
    return torch.allclose(found, functional.linear(x, weight, bias), rtol=0.01, atol=0.01)


def _multiplies_exactly(of: Range) -> bool:
    """Whether products in that range are exact, in the worst case as well."""
    weight = torch.full((32, 64), float(of.pairs // 2))
    weight[::4, ::2], weight[::4, 1::2] = of.weights, of.pairs - of.weights
    weight[1::2].neg_()
    x = torch.arange(32 * 64).view(32, 64).remainder(2 * of.zero).to(torch.uint8)
    x[::2] = of.inputs + of.zero
    found = int8_linear(x, of.zero, pack_int8(weight.to(torch.int8), 32), torch.ones(32))
    return torch.equal(found, (x.double() - of.zero).matmul(weight.double().T).float())


def _may_saturate() -> bool:
    able = torch.cpu.get_capabilities()
    vnni = any(able.get(flag) for flag in ("avx512_vnni", "avx_vnni", "amx_int8"))
    return able.get("architecture") == "x86_64" and not vnni
