"""Linear layers in int8."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from perceiver_cli.device import has_int8
from perceiver_cli.model.attention import Linear
from perceiver_cli.model.settling import HalfLinear, Int8Linear, PackedLinear, settler

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not has_int8(CPU), reason="needs int8 and bfloat16 products")

INPUTS, OUTPUTS = 24, 16


def whole_numbers(*shape: int) -> torch.Tensor:
    """From -127 to 127; in every row one of them at least as large as any can be."""
    numbers = torch.randint(-127, 128, shape, generator=torch.Generator().manual_seed(1)).float()
    numbers[..., 0] = 127
    return numbers


@pytest.fixture(params=[True, False], ids=["exact mean", "plain"])
def linear(request) -> Linear:
    layer = Linear(INPUTS, OUTPUTS, lowest=torch.int8, exact_mean=request.param)
    with torch.no_grad():
        layer.weight.copy_(whole_numbers(OUTPUTS, INPUTS))
    return layer.requires_grad_(False)


def test_whole_numbers_are_exact(linear):
    """Of rows that have nothing in common."""
    x = whole_numbers(2, 3, INPUTS)
    x = torch.cat([x, -x], 1)
    found = Int8Linear(linear, 6)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, functional.linear(x, linear.weight, linear.bias))


def test_each_row_and_each_output_has_its_own_step(linear):
    x, rows, outputs = (
        whole_numbers(1, 3, INPUTS),
        [2**-7, 1.0, 2**7],
        torch.logspace(-4, 4, OUTPUTS),
    )
    linear.weight.mul_(outputs[:, None])
    linear.bias.zero_()
    x = x * torch.tensor(rows)[:, None]
    x = torch.cat([x, -x], 1)
    found = Int8Linear(linear, 6)(x)
    torch.testing.assert_close(found, functional.linear(x, linear.weight), rtol=1e-5, atol=0)


def test_nothing_comes_to_the_bias(linear):
    linear.weight[3] = 0
    found = Int8Linear(linear, 5)(torch.zeros(1, 2, INPUTS))
    assert torch.equal(found, linear.bias.expand(1, 2, -1))


def test_what_rows_have_in_common_is_exact_to_sixteen_bits():
    layer = Linear(INPUTS, OUTPUTS, lowest=torch.int8)
    generator = torch.Generator().manual_seed(2)
    common = torch.randn(2, 1, INPUTS, generator=generator).expand(2, 3, INPUTS)
    with torch.no_grad():
        found, expected = Int8Linear(layer, 3)(common), layer(common)
    most = layer.weight.abs().max() * common.abs().max() * INPUTS
    assert (found - expected).abs().max() < most * 2**-15


def test_items_do_not_depend_on_each_other(linear):
    layer = Int8Linear(linear, 3)
    x = torch.randn(4, 3, INPUTS, generator=torch.Generator().manual_seed(3))
    x[1] *= 100
    with torch.no_grad():
        together, alone = layer(x), torch.cat([layer(item[None]) for item in x])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_layers_are_lowered_as_far_as_they_may_be():
    x = torch.randn(2, 3, INPUTS, generator=torch.Generator().manual_seed(4))
    settle = settler(torch.int8, CPU, rows=3)
    for lowest, kind, gives in (
        (torch.int8, Int8Linear, torch.float32),
        (torch.bfloat16, PackedLinear, torch.bfloat16),
        (torch.float32, HalfLinear, torch.float32),
    ):
        layer = Linear(INPUTS, OUTPUTS, lowest=lowest).requires_grad_(False)
        expected = layer(x)
        settled = settle(layer)
        assert isinstance(settled, kind)
        assert settled(x).dtype == gives
        torch.testing.assert_close(settled(x).float(), expected, rtol=0, atol=0.03)


def test_an_exact_layer_beside_int8_ones_keeps_what_float16_holds():
    layer = Linear(INPUTS, OUTPUTS, bare=True).requires_grad_(False)
    layer.weight.copy_(layer.weight.half())
    settled = settler(torch.int8, CPU, rows=3)(layer)
    assert torch.equal(settled.weight, layer.weight)
    assert settled.half.dtype == torch.float16
    x = torch.randn(2, 3, INPUTS, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(settled(x), layer(x))
