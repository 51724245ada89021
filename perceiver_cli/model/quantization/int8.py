"""A linear layer with int8 products."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.quantization import kernels


class Int8Linear(nn.Module):
    """A linear layer with products of 8-bit integers, summed in 32 bits.

    Weights are quantized to -127..127 with one step size for each output, inputs to -127..127 with
    one step size for each row. On processors whose products saturate (see kernels.SATURATING)
    inputs have the range -95..95, and the step size of weights is large enough for the largest
    pair of neighbours.

    Rounding errors of inputs average out over an item's rows. Those of weights do not, because
    they are the same for all rows. With `exact_mean`, only the deviations of rows from their mean
    are quantized to 8 bits. The mean is represented by two rows, its quantized value and the
    remainder, and is also multiplied by the remainder of the weights: 16 bits for both.

    Args:
        linear: the layer, in float32.
        rows: usual number of rows of the inputs.
        exact_mean: whether the mean of an item's rows is computed with 16 bits.
    """

    def __init__(self, linear: nn.Linear, rows: int, *, exact_mean: bool) -> None:
        super().__init__()
        self.range = kernels.available().range
        weight = linear.weight.detach()
        step = weight_step(weight, self.range)
        steps = weight / step
        whole = steps.round()
        self.rest = None
        if exact_mean:
            # A remainder is at most half a step, so the sum of a pair is at most one step.
            finer = self.range.pairs // 2 * 2
            rest = steps.sub_(whole).mul_(finer).round_()
            self.rest = kernels.Int8Product(rest, step.flatten() / finer, 1)
            rows += 2
        self.product = kernels.Int8Product(whole, step.flatten(), rows)
        self.bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, N, in] -> float32 [B, N, out]. Items do not depend on each other."""
        x = x.float()
        if self.rest is None:
            step = self._step(x)
            y = self.product(self._bytes(x * step.reciprocal()))
            return torch.addcmul(self.bias, y, step, out=y)
        mean = x.mean(-2)
        rows = x.new_empty(x.shape[0], x.shape[1] + 2, x.shape[2])
        torch.sub(x, mean.unsqueeze(1), out=rows[:, :-2])
        rows[:, -2] = mean
        rows[:, -1] = mean - self._rounded(mean)
        step = self._step(rows)
        whole = self._bytes(rows.mul_(step.reciprocal()))
        y = self.product(whole)
        y[:, -2:-1] += self.rest(whole[:, -2:-1].contiguous())
        own, shift = y[:, :-2], self.bias + (y[:, -2:] * step[:, -2:]).sum(1, keepdim=True)
        return torch.addcmul(shift, own, step[:, :-2], out=own)

    def _step(self, rows: Tensor) -> Tensor:
        return _over(self.range.inputs, _largest(rows))

    def _rounded(self, rows: Tensor) -> Tensor:
        step = self._step(rows)
        return (rows * step.reciprocal()).round_().mul_(step)

    def _bytes(self, steps: Tensor) -> Tensor:
        """Rounds in place, then converts to the bytes that the product takes."""
        return steps.round_().to(torch.int8).view(torch.uint8).add_(self.range.zero)


def weight_step(weight: Tensor, allowed: kernels.Range) -> Tensor:
    """float32 [out, in] -> [out, 1]: the step size of each output's weights."""
    step = _over(allowed.weights, _largest(weight))
    if allowed.pairs >= 2 * allowed.weights:
        return step
    pairs = functional.pad(weight, (0, weight.shape[1] % 2)).unflatten(1, (-1, 2))
    up, down = pairs.clamp_min(0).sum(2), pairs.clamp_max(0).sum(2).neg_()
    largest = torch.maximum(up, down).amax(1, keepdim=True)
    # Rounding adds up to half a step to each weight of a pair.
    return torch.maximum(step, _over(allowed.pairs - 1, largest))


def _largest(rows: Tensor) -> Tensor:
    """[..., C] -> [..., 1]: each row's largest magnitude."""
    return torch.maximum(rows.amax(-1, keepdim=True), -rows.amin(-1, keepdim=True))


def _over(steps: int, largest: Tensor) -> Tensor:
    return largest.div_(steps).clamp_min_(torch.finfo(largest.dtype).tiny)
