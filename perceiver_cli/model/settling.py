"""Linear layers as they run fastest once their weights stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.attention import Linear
from perceiver_cli.model.config import WIDE
from perceiver_cli.model.perceiver import Perceiver

# How many steps of what rounding takes are one of the rounding's own: it takes half at most.
_FINER = 254


class PackedLinear(nn.Module):
    """A linear layer in float32 or bfloat16 with its weight laid out as oneDNN's kernels read it.

    A tenth to a fifth faster than with a plain matrix, which is rearranged in every product.
    rows: how many rows its inputs usually have.
    """

    def __init__(self, linear: Linear, rows: int) -> None:
        super().__init__()
        self.dtype = linear.weight.dtype
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), rows)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> [..., out], in the weight's precision."""
        x = x.to(self.dtype)
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


class HalfLinear(nn.Module):
    """A linear layer that computes in float32 with a weight kept in float16.

    For exact layers beside int8 ones: half the memory, and the rounding, of a 4096th, is small
    beside theirs.
    """

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.half = linear.weight.detach().half()
        self.bias = linear.bias.detach()

    @property
    def weight(self) -> Tensor:
        """float32 [out, in], made anew."""
        return self.half.float()

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> float32 [..., out]."""
        return functional.linear(x.float(), self.weight, self.bias)


class Int8Linear(nn.Module):
    """A linear layer whose products are of whole numbers of 8 bits, summed in 32.

    Twice as fast as in bfloat16 where both are native. Weights are rounded to 127 steps each way
    of an output's largest, inputs of a row's largest. Like PackedLinear's, the weight is laid out
    for `rows` rows.

    What rounding takes from inputs averages out over an item's rows; what it takes from weights
    does not, for all rows meet the same. So with `exact_mean` only what sets rows apart is rounded
    once. Their mean is two rows of its own, its rounded self and what that lacks, and it meets
    what the rounded weights lack as well: 16 bits of each.
    """

    def __init__(self, linear: Linear, rows: int) -> None:
        super().__init__()
        weight = linear.weight.detach()
        step = _step(weight)
        steps = weight / step
        first = steps.round()
        self.rest = None
        if linear.exact_mean:
            self.rest = _prepacked(steps.sub_(first).mul_(_FINER).round_(), 1)
        self.weight = _prepacked(first, rows + 2 if linear.exact_mean else rows)
        self.step = step.flatten()
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, N, in] -> float32 [B, N, out]. Items do not depend on each other."""
        x = x.float()
        if self.rest is None:
            step = _step(x)
            y = self._product(_whole(x * step.reciprocal()), self.weight)
            return torch.addcmul(self.bias, y, step, out=y)
        mean = x.mean(-2)
        rows = x.new_empty(x.shape[0], x.shape[1] + 2, x.shape[2])
        torch.sub(x, mean.unsqueeze(1), out=rows[:, :-2])
        rows[:, -2] = mean
        rows[:, -1] = mean - _rounded(mean)
        step = _step(rows)
        whole = _whole(rows.mul_(step.reciprocal()))
        y = self._product(whole, self.weight)
        y[:, -2:-1] += self._product(whole[:, -2:-1].contiguous(), self.rest) / _FINER
        own, shift = y[:, :-2], self.bias + (y[:, -2:] * step[:, -2:]).sum(1, keepdim=True)
        return torch.addcmul(shift, own, step[:, :-2], out=own)

    def _product(self, whole: Tensor, weight: Tensor) -> Tensor:
        return torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, 128, weight, self.step, self.zeros, None, 1.0, 0, torch.float32,
            "none", [], "",
        )  # fmt: skip


def _prepacked(whole: Tensor, rows: int) -> Tensor:
    return torch.ops.onednn.qlinear_prepack(whole.to(torch.int8), [rows, whole.shape[1]])


def _whole(steps: Tensor) -> Tensor:
    """Rounded in place, then bytes without a sign, 128 for zero, as the product takes them."""
    return steps.round_().to(torch.int8).view(torch.uint8).bitwise_xor_(128)


def _rounded(rows: Tensor) -> Tensor:
    step = _step(rows)
    return (rows * step.reciprocal()).round_().mul_(step)


def _step(rows: Tensor) -> Tensor:
    """[..., C] -> [..., 1]: a 127th of each row's largest magnitude."""
    least, most = rows.amin(-1, keepdim=True), rows.amax(-1, keepdim=True)
    return torch.maximum(most, -least).div_(127).clamp_min_(torch.finfo(rows.dtype).tiny)


def settler(
    precision: torch.dtype, device: torch.device, rows: int
) -> Callable[[Linear], nn.Module]:
    """What makes of a linear layer one that computes in `precision`, and never learns again.

    precision: float32, bfloat16 or int8, as far as a layer may be lowered; in int8 others are in
    bfloat16. rows: how many rows inputs usually have.
    """
    packs = device.type == "cpu" and torch.backends.mkldnn.is_available()

    def settle(linear: Linear) -> nn.Module:
        if linear.lowest == precision == torch.int8:
            return Int8Linear(linear.to(device, torch.float32), rows)
        if linear.lowest == torch.float32:
            linear = linear.to(device, torch.float32)
            if precision == torch.int8:
                return HalfLinear(linear)
        else:
            linear = linear.to(device, floats_of(precision))
        return PackedLinear(linear, rows) if packs and not linear.bare else linear

    return settle


def floats_of(precision: torch.dtype) -> torch.dtype:
    """What is computed in where numbers are not whole: bfloat16 beside int8."""
    return torch.bfloat16 if precision == torch.int8 else precision


def read_in(model: Perceiver, precision: torch.dtype) -> torch.dtype:
    """What elements are read in: as the rest only where a wide model's cross-attends fold.

    Unfolded, their products are with keys and values, which come from exact layers. And in narrow
    models float32 costs little (of the bundled sounds' time a twentieth, of the shapes' a tenth),
    while bfloat16 changed the sounds' scores six times as much.
    """
    folds = model.cross[0].folds(model.config.latents)
    return floats_of(precision) if folds and model.config.width >= WIDE else torch.float32
