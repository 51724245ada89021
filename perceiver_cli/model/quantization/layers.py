"""Linear layers for inference: constant weights, packed or in fewer bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.attention import split_qkv
from perceiver_cli.model.quantization import kernels


class PackedLinear(nn.Module):
    """A linear layer in float32 or bfloat16 with its weight packed in oneDNN's layout.

    It is 10 to 20 % faster than a plain matrix, which is packed again for every product.

    Args:
        linear: The layer.
        rows: Usual number of rows of the inputs.
    """

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        super().__init__()
        self.dtype = linear.weight.dtype
        self.weight = kernels.pack(linear.weight.detach(), rows)
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> [..., out], in the weight's precision."""
        return kernels.packed_linear(x.to(self.dtype), self.weight, self.bias)


class PlainLinear(nn.Module):
    """A linear layer that casts its inputs to the precision of its weight."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight.detach()
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> [..., out], in the weight's precision."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


class HalfLinear(nn.Module):
    """A linear layer that computes in float32 with a weight stored in float16.

    For the exact layers of an int8 model: half the memory, and its rounding error is small
    beside that of int8.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.stored = linear.weight.detach().half()
        self.bias = linear.bias.detach()

    @property
    def weight(self) -> Tensor:
        """float32 [out, in], a new tensor."""
        return self.stored.float()

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., in] -> float32 [..., out]."""
        return functional.linear(x.float(), self.weight, self.bias)


class SplitHeads(nn.Module):
    """Replacement of model.attention.QueriesKeysValues: any layer, its output split into heads.

    Args:
        linear: The layer, [..., D] -> [..., 3 D].
        heads: H.
        dtype: Precision of the result.
    """

    def __init__(self, linear: nn.Module, heads: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = linear
        self.heads = heads
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, N, D] -> [3, B, H, N, D / H]."""
        parts = split_qkv(self.linear(x), self.heads)
        if parts.dtype == self.dtype:
            return parts
        return parts.to(self.dtype, memory_format=torch.contiguous_format)
