"""Linear layers as they run fastest once their weights stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from perceiver_cli.model.attention import Linear


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


class Int8Linear(nn.Module):
    """A linear layer whose products are of whole numbers of 8 bits, summed in 32.

    Twice as fast as in bfloat16 where both are native. Weights are rounded to 127 steps each way
    of an output's largest, inputs of a row's largest: rows do not depend on each other. Like
    PackedLinear's, the weight is laid out for `rows` rows.
    """

    def __init__(self, linear: Linear, rows: int) -> None:
        super().__init__()
        weight = linear.weight.detach()
        step = _step(weight)
        whole = (weight / step).round_().to(torch.int8)
        self.weight = torch.ops.onednn.qlinear_prepack(whole, [rows, whole.shape[1]])
        self.weight_step = step.flatten()
        self.weight_zeros = torch.zeros(len(whole), dtype=torch.int32)
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x: float32 [..., in] -> bfloat16 [..., out]."""
        rows = x.flatten(0, -2)
        step = _step(rows)
        # Bytes without a sign, 128 for zero; with the half, cutting off rounds.
        whole = torch.addcdiv(torch.tensor(128.5), rows, step).to(torch.uint8)
        y = torch.ops.onednn.qlinear_pointwise(
            whole, 1.0, 128, self.weight, self.weight_step, self.weight_zeros, None,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return y.mul_(step).add_(self.bias).bfloat16().unflatten(0, x.shape[:-1])


def _step(rows: Tensor) -> Tensor:
    """[R, C] -> [R, 1]: a 127th of each row's largest magnitude."""
    return rows.abs().amax(-1, keepdim=True).div_(127).clamp_min_(torch.finfo(rows.dtype).tiny)


def settler(
    precision: torch.dtype, device: torch.device, rows: int
) -> Callable[[Linear], nn.Module]:
    """What makes of a linear layer one that computes in `precision`, and never learns again.

    precision: float32, bfloat16 or int8, in which coarse layers compute in int8 and others in
    bfloat16. rows: how many rows inputs usually have.
    """
    packs = device.type == "cpu" and torch.backends.mkldnn.is_available()

    def settle(linear: Linear) -> nn.Module:
        if linear.coarse and precision == torch.int8:
            return Int8Linear(linear.to(device, torch.float32), rows)
        linear = linear.to(device, torch.float32 if linear.exact else floats_of(precision))
        return PackedLinear(linear, rows) if packs and not linear.bare else linear

    return settle


def floats_of(precision: torch.dtype) -> torch.dtype:
    """What is computed in where numbers are not whole: bfloat16 beside int8."""
    return torch.bfloat16 if precision == torch.int8 else precision
