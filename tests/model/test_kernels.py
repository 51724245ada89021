"""Torch's private operations and their plain fallbacks give the same numbers."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import pytest
import torch

from perceiver_cli.model.quantization import kernels


def random_bytes(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@pytest.fixture
def plain(monkeypatch) -> None:
    monkeypatch.setattr(kernels, "available", kernels.Kernels)


def product(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    scale = torch.logspace(-2, 2, len(weight))
    return kernels.Int8Product(weight, scale, len(x))(x)


@pytest.mark.parametrize("shape", [(1, 24, 16), (5, 63, 32), (40, 1000, 48)])
def test_native_and_plain_int8_products_are_the_same(shape, monkeypatch):
    rows, inputs, outputs = shape
    able = kernels.available()
    most = able.range.pairs // 2
    weight = random_bytes(outputs, inputs).float().sub(128).clamp(-most, most)
    x = random_bytes(rows, inputs).int().remainder(2 * able.range.zero).to(torch.uint8)
    native = product(x, weight)
    monkeypatch.setattr(kernels, "available", lambda: replace(able, int8=False))
    assert torch.equal(product(x, weight), native)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_packed_and_plain_layers_are_the_same(kind):
    if kind not in kernels.available().packed:
        pytest.skip(f"weights in {kind} are not packed on this processor")
    x, weight, bias = (torch.randn(*shape).to(kind) for shape in ((40, 100), (48, 100), (48,)))
    found = kernels.packed_linear(x, kernels.pack(weight, 40), bias)
    expected = torch.nn.functional.linear(x, weight, bias)
    torch.testing.assert_close(
        found, expected, rtol=1e-2 if kind == torch.bfloat16 else 1e-5, atol=1e-3
    )


def test_a_processor_without_vnni_is_taken_to_saturate(monkeypatch):
    """Even where small products are exact."""
    if not kernels.available().int8:
        pytest.skip("no int8 products on this processor")
    able = {"avx2": True, "architecture": "x86_64"}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    assert kernels.probe().range == kernels.SATURATING


@pytest.mark.parametrize("error", [RuntimeError, AttributeError, NotImplementedError])
def test_an_operation_that_is_missing_or_fails_is_not_used(monkeypatch, error):
    def fails(*_):
        raise error("not on this processor")

    for name in ("pack", "pack_int8"):
        monkeypatch.setattr(kernels, name, fails)
    assert kernels.probe() == kernels.Kernels()


def test_an_operation_with_wrong_results_is_not_used(monkeypatch):
    right = kernels.int8_linear
    monkeypatch.setattr(kernels, "int8_linear", lambda *args: right(*args) + 1)
    monkeypatch.setattr(kernels, "packed_linear", lambda x, weight, bias: x @ x.mT)
    assert kernels.probe() == kernels.Kernels()


@pytest.mark.skipif(sys.platform != "linux", reason="as torch is built for Linux")
def test_int8_products_run_on_every_x86_processor_with_avx2():
    able = torch.cpu.get_capabilities()
    if able.get("architecture") != "x86_64" or not able.get("avx2"):
        pytest.skip("another processor")
    assert kernels.probe().int8
    assert torch.float32 in kernels.probe().packed


def emulate(monkeypatch, flags: list[str], least: float = -math.inf, most: float = math.inf):
    """Makes this a processor that adds two products of bytes and weights within these limits."""

    def linear(x, zero, weight, scale):
        pairs = (x[:, None].double() * weight).unflatten(2, (-1, 2)).sum(3)
        sums = pairs.clamp(least, most).sum(2) - zero * weight.double().sum(1)
        return sums.float() * scale

    able = dict.fromkeys(["avx2", *flags], True) | {"architecture": "x86_64"}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: able)
    monkeypatch.setattr(kernels, "pack_int8", lambda weight, rows: weight)
    monkeypatch.setattr(kernels, "int8_linear", linear)


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni", "amx_int8"])
def test_a_processor_with_vnni_has_the_whole_range_if_its_products_are_exact(monkeypatch, flag):
    emulate(monkeypatch, [flag])
    assert (kernels.probe().int8, kernels.probe().range) == (True, kernels.Range())


@pytest.mark.parametrize("limits", [(-(2**15), math.inf), (-math.inf, 2**15 - 1)])
def test_sums_that_saturate_on_either_side_are_found_whatever_the_flags(monkeypatch, limits):
    emulate(monkeypatch, ["avx512_vnni"], *limits)
    assert (kernels.probe().int8, kernels.probe().range) == (True, kernels.SATURATING)


@pytest.mark.parametrize("limits", [(-(2**14), math.inf), (-math.inf, 2**14)])
def test_sums_that_saturate_even_in_the_smaller_range_are_not_used(monkeypatch, limits):
    emulate(monkeypatch, [], *limits)
    assert not kernels.probe().int8
