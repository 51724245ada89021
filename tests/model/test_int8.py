"""Linear layers in int8, whatever the processor's products can do."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from perceiver_cli.model.quantization import kernels
from perceiver_cli.model.quantization.int8 import Int8Linear, weight_step

INPUTS, OUTPUTS = 24, 16

pytestmark = pytest.mark.usefixtures("processor")


def whole_numbers(*shape: int, most: int = 127) -> torch.Tensor:
    """From -most to most; in every row one of them at least as large as any can be."""
    generator = torch.Generator().manual_seed(1)
    numbers = torch.randint(-most, most + 1, shape, generator=generator).float()
    numbers[..., 0] = most
    return numbers


@pytest.fixture
def weight() -> torch.Tensor:
    """[out, in]: integers that need no rounding; pairs are within their limit."""
    able = kernels.available().range
    numbers = whole_numbers(OUTPUTS, INPUTS, most=able.pairs // 2 - 1)
    numbers[:, 0], numbers[:, 1] = able.weights, -able.weights
    return numbers


@pytest.fixture
def inputs() -> torch.Tensor:
    """[2, 6, in]: integers that need no rounding, in rows with a mean of zero."""
    x = whole_numbers(2, 3, INPUTS, most=kernels.available().range.inputs)
    return torch.cat([x, -x], 1)


@pytest.fixture(params=[True, False], ids=["exact mean", "plain"])
def exact_mean(request) -> bool:
    return request.param


@pytest.fixture
def linear(weight) -> nn.Linear:
    layer = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    layer.weight.copy_(weight)
    return layer


def test_whole_numbers_are_exact(linear, inputs, exact_mean):
    """Of rows that have nothing in common."""
    found = Int8Linear(linear, 6, exact_mean=exact_mean)(inputs)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, functional.linear(inputs, linear.weight, linear.bias))


def test_each_row_and_each_output_has_its_own_step(linear, inputs, exact_mean):
    linear.weight.mul_(torch.logspace(-4, 4, OUTPUTS)[:, None])
    linear.bias.zero_()
    x = inputs * torch.tensor(2 * [2**-7, 1.0, 2**7])[:, None]
    found = Int8Linear(linear, 6, exact_mean=exact_mean)(x)
    torch.testing.assert_close(found, functional.linear(x, linear.weight), rtol=1e-5, atol=0)


@pytest.mark.parametrize("inputs", [63, 64])
def test_the_largest_sums_do_not_overflow(inputs, exact_mean):
    """All weights and inputs at their largest, of either sign; an odd number of inputs, too."""
    layer = nn.Linear(inputs, OUTPUTS).requires_grad_(False)
    layer.weight.fill_(1.0)
    layer.weight[1::2].neg_()
    layer.weight[2::4, ::2] = -1.0
    x = torch.ones(1, 4, inputs)
    x[:, 1::2].neg_()
    found = Int8Linear(layer, 4, exact_mean=exact_mean)(x)
    torch.testing.assert_close(found, layer(x), rtol=0, atol=0.02 * inputs)


def test_zeros_give_the_bias(linear, exact_mean):
    linear.weight[3] = 0
    found = Int8Linear(linear, 5, exact_mean=exact_mean)(torch.zeros(1, 2, INPUTS))
    assert torch.equal(found, linear.bias.expand(1, 2, -1))


def test_what_rows_have_in_common_is_exact_to_fifteen_bits():
    layer = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    generator = torch.Generator().manual_seed(2)
    common = torch.randn(2, 1, INPUTS, generator=generator).expand(2, 3, INPUTS)
    found = Int8Linear(layer, 3, exact_mean=True)(common)
    most = layer.weight.abs().max() * common.abs().max() * INPUTS
    assert (found - layer(common)).abs().max() < most * 2**-14


def test_items_do_not_depend_on_each_other(linear, exact_mean):
    layer = Int8Linear(linear, 3, exact_mean=exact_mean)
    x = torch.randn(4, 3, INPUTS, generator=torch.Generator().manual_seed(3))
    x[1] *= 100
    together, alone = layer(x), torch.cat([layer(item[None]) for item in x])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inputs", [7, 8])
def test_neighbouring_weights_add_up_to_no_more_than_products_hold(inputs):
    allowed = kernels.SATURATING
    weight = torch.randn(200, inputs, generator=torch.Generator().manual_seed(4))
    whole = (weight / weight_step(weight.clone(), allowed)).round()
    pairs = functional.pad(whole, (0, inputs % 2)).unflatten(1, (-1, 2))
    for signed in (pairs.clamp_min(0), -pairs.clamp_max(0)):
        assert signed.sum(2).max() <= allowed.pairs
    assert whole.abs().max() == allowed.weights


@pytest.mark.parametrize(
    ("row", "allowed", "largest"),
    [
        ([1.0, 1.0, 0.0, 0.0], kernels.SATURATING, 2 / 170),
        ([-1.0, -1.0, 0.5, 0.0], kernels.SATURATING, 2 / 170),
        ([1.0, -1.0, 0.0, 0.0], kernels.SATURATING, 1 / 127),
        ([0.0, 1.0, 1.0, 0.0], kernels.SATURATING, 1 / 127),
        ([1.0, 0.0, 1.0], kernels.SATURATING, 1 / 127),
        ([1.0, 1.0, -0.5, 0.0], kernels.Range(), 1 / 127),
    ],
)
def test_a_step_is_no_wider_than_the_largest_weight_or_pair_needs(row, allowed, largest):
    step = weight_step(torch.tensor([row]), allowed)
    torch.testing.assert_close(step, torch.tensor([[largest]]))
