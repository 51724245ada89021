"""Linear layers in int8."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from perceiver_cli.device import has_int8
from perceiver_cli.model.attention import Linear
from perceiver_cli.model.settling import Int8Linear, settler

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not has_int8(CPU), reason="needs int8 and bfloat16 products")

INPUTS, OUTPUTS = 24, 16


def whole_numbers(*shape: int) -> torch.Tensor:
    """From -127 to 127; in every row one of them at least as large as any can be."""
    numbers = torch.randint(-127, 128, shape, generator=torch.Generator().manual_seed(1)).float()
    numbers[..., 0] = 127
    return numbers


@pytest.fixture
def linear() -> Linear:
    layer = Linear(INPUTS, OUTPUTS, lowest=torch.int8)
    with torch.no_grad():
        layer.weight.copy_(whole_numbers(OUTPUTS, INPUTS))
    return layer.requires_grad_(False)


@pytest.mark.parametrize("shape", [(5,), (2, 3)])
def test_whole_numbers_are_exact(linear, shape):
    x = whole_numbers(*shape, INPUTS)
    found = Int8Linear(linear, 5)(x)
    assert found.dtype == torch.float32
    expected = functional.linear(x, linear.weight, linear.bias)
    torch.testing.assert_close(found, expected)


def test_each_row_and_each_output_has_its_own_step(linear):
    x, rows, outputs = whole_numbers(3, INPUTS), [1e-3, 1.0, 1e3], torch.logspace(-4, 4, OUTPUTS)
    linear.weight.mul_(outputs[:, None])
    linear.bias.zero_()
    rows = torch.tensor(rows)[:, None]
    expected = functional.linear(x * rows, linear.weight)
    found = Int8Linear(linear, 5)(x * rows)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=0)


def test_nothing_comes_to_the_bias(linear):
    linear.weight[3] = 0
    found = Int8Linear(linear, 5)(torch.zeros(2, INPUTS))
    assert torch.equal(found, linear.bias.expand(2, -1))


def test_only_layers_that_may_be_are_in_int8(linear):
    settle = settler(torch.int8, CPU, rows=5)
    assert isinstance(settle(linear), Int8Linear)
    other = settle(Linear(INPUTS, OUTPUTS))
    assert other(torch.zeros(2, INPUTS)).dtype == torch.bfloat16
    exact = settle(Linear(INPUTS, OUTPUTS, lowest=torch.float32))
    assert exact(torch.zeros(2, INPUTS)).dtype == torch.float32
