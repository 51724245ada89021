"""The choice of precision on different processors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perceiver_cli.errors import UsageError
from perceiver_cli.model.attention import QueriesKeysValues
from perceiver_cli.model.quantization import kernels, precision
from perceiver_cli.model.quantization.int8 import Int8Linear
from perceiver_cli.model.quantization.layers import (
    HalfLinear,
    PackedLinear,
    PlainLinear,
    SplitHeads,
)
from perceiver_cli.model.quantization.precision import (
    WIDE,
    float_dtype,
    pick_precision,
    precision_in_words,
    precisions_in_words,
)
from perceiver_cli.model.quantization.replacement import layers_for

CPU = torch.device("cpu")
BOTH = frozenset({torch.float32, torch.bfloat16})
FULL = kernels.Kernels(BOTH, int8=True)
AVX2 = kernels.Kernels(frozenset({torch.float32}), int8=True, range=kernels.SATURATING)
INPUTS, OUTPUTS, HEADS = 24, 16, 2


def be(monkeypatch, flags: list[str], able: kernels.Kernels) -> None:
    """Makes this a processor with these flags, on which these products run."""
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: dict.fromkeys(flags, True))
    monkeypatch.setattr(kernels, "available", lambda: able)


@pytest.mark.parametrize(
    ("flags", "able", "narrow", "wide", "words"),
    [
        ([], kernels.Kernels(), torch.float32, torch.float32, "float32"),
        (["avx2"], kernels.Kernels(), torch.float32, torch.float32, "float32"),
        (["avx2"], AVX2, torch.float32, torch.int8, "float32 (wide models: int8)"),
        # Packed but emulated.
        (["avx2"], FULL, torch.float32, torch.int8, "float32 (wide models: int8)"),
        (["avx512_bf16"], FULL, torch.bfloat16, torch.bfloat16, "bfloat16"),
        # Not what the flags promise.
        (["avx512_bf16", "avx2"], AVX2, torch.float32, torch.int8, "float32 (wide models: int8)"),
        (
            ["avx512_bf16", "avx512_vnni", "avx2"],
            FULL,
            torch.bfloat16,
            torch.int8,
            "bfloat16 (wide models: int8)",
        ),
        (["amx_bf16", "avx512_vnni", "avx2"], FULL, torch.bfloat16, torch.bfloat16, "bfloat16"),
        (["amx_bf16", "avx2"], AVX2, torch.float32, torch.int8, "float32 (wide models: int8)"),
    ],
)
def test_auto_is_the_fastest_that_is_native(monkeypatch, flags, able, narrow, wide, words):
    be(monkeypatch, flags, able)
    assert pick_precision("auto", CPU, WIDE - 1) == narrow
    assert pick_precision("auto", CPU, WIDE) == wide
    assert precision_in_words("auto", CPU) == words
    assert precision_in_words("float32", CPU) == "float32"
    assert float_dtype(torch.int8, CPU) == narrow
    assert float_dtype(torch.bfloat16, CPU) == torch.bfloat16


@pytest.mark.parametrize(
    ("device", "native", "expected"),
    [
        ("cuda", True, torch.bfloat16),
        ("cuda", False, torch.float32),
        ("mps", True, torch.float32),
    ],
)
def test_a_gpu_is_not_judged_by_its_processor(monkeypatch, device, native, expected):
    be(monkeypatch, ["avx512_bf16", "avx512_vnni", "avx2"], FULL)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda emulated: native)
    for width in (0, WIDE):
        assert pick_precision("auto", torch.device(device), width) == expected


@pytest.mark.parametrize("name", ["float32", "bfloat16", "int8"])
def test_every_precision_runs_on_any_processor_when_it_is_named(processor, name):
    assert str(pick_precision(name, CPU)) == f"torch.{name}"


def test_what_does_not_run_is_refused_in_one_line(monkeypatch):
    with pytest.raises(UsageError, match="unknown precision float8: auto, float32"):
        pick_precision("float8", CPU)
    with pytest.raises(UsageError, match="int8 does not run on the device cuda: try float32"):
        pick_precision("int8", torch.device("cuda"))

    def fails(*_):
        raise RuntimeError("bfloat16 is not implemented for this device")

    monkeypatch.setattr(precision.functional, "linear", fails)
    monkeypatch.setattr(
        precision, "multiplies_correctly", precision.multiplies_correctly.__wrapped__
    )
    with pytest.raises(UsageError, match="bfloat16 does not run on the device cpu: try float32"):
        pick_precision("bfloat16", CPU)


def test_how_each_precision_runs_in_words(monkeypatch):
    be(monkeypatch, ["avx512_bf16", "avx2"], FULL)
    assert precisions_in_words(CPU) == [
        ("float32", "native"), ("bfloat16", "native"), ("int8", "native")
    ]  # fmt: skip
    be(monkeypatch, ["avx2"], AVX2)
    told = dict(precisions_in_words(CPU))
    assert told["bfloat16"].startswith("emulated")
    assert "saturate" in told["int8"]
    be(monkeypatch, [], kernels.Kernels())
    assert dict(precisions_in_words(CPU))["int8"].startswith("emulated")


def layer(name: str, precision: torch.dtype) -> tuple[nn.Linear, nn.Module]:
    torch.manual_seed(0)
    linear = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    return linear, layers_for(precision, CPU, rows=3)(name, linear)


@pytest.mark.parametrize(
    ("name", "precision", "kind", "dtype"),
    [
        ("transformers.0.5.mlp.expand", torch.int8, Int8Linear, torch.float32),
        ("transformers.1.0.out", torch.int8, Int8Linear, torch.float32),
        ("transformers.1.0.out", torch.bfloat16, (PackedLinear, PlainLinear), torch.bfloat16),
        ("preprocessor.project", torch.bfloat16, (PackedLinear, PlainLinear), torch.bfloat16),
        ("cross.0.mlp.expand", torch.int8, HalfLinear, torch.float32),
        ("cross.0.query", torch.bfloat16, (PackedLinear, PlainLinear), torch.float32),
        ("cross.0.key", torch.int8, HalfLinear, torch.float32),
        ("cross.1.value", torch.bfloat16, nn.Linear, torch.float32),
        ("readout.attend.key", torch.float32, nn.Linear, torch.float32),
        ("readout.head", torch.int8, HalfLinear, torch.float32),
    ],
)
def test_layers_are_lowered_as_far_as_they_may_be(processor, name, precision, kind, dtype):
    linear, found = layer(name, precision)
    assert isinstance(found, kind)
    if isinstance(found, PackedLinear):
        assert found.dtype in processor.packed
    x = torch.randn(2, 3, INPUTS, generator=torch.Generator().manual_seed(4))
    expected = linear.float()(x)
    assert found(x).dtype == dtype
    torch.testing.assert_close(found(x).float(), expected, rtol=0, atol=0.03)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.int8])
def test_heads_are_split_in_any_precision(processor, precision):
    width = 8
    linear = QueriesKeysValues(width, HEADS).requires_grad_(False)
    found = layers_for(precision, CPU, rows=3)("transformers.0.0.qkv", linear)
    x = torch.randn(2, 3, width, generator=torch.Generator().manual_seed(4))
    expected = linear.float()(x)
    assert isinstance(found, SplitHeads)
    assert found(x).shape == (3, 2, HEADS, 3, width // HEADS)
    assert found(x).dtype == float_dtype(precision, CPU)
    torch.testing.assert_close(found(x).float(), expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_heads_have_the_precision_that_is_asked_for(dtype):
    linear = nn.Linear(8, 24).requires_grad_(False)
    x = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(4))
    found = SplitHeads(linear, HEADS, dtype)(x)
    assert found.dtype == dtype
    expected = linear(x).unflatten(-1, (3, HEADS, 4)).permute(2, 0, 3, 1, 4)
    assert torch.equal(found, expected.to(dtype))


def test_the_mean_of_queries_keys_and_values_has_eight_bits():
    linear = QueriesKeysValues(8, HEADS).requires_grad_(False)
    lower = layers_for(torch.int8, CPU, rows=3)
    assert lower("transformers.0.0.qkv", linear).linear.rest is None
    assert lower("transformers.0.0.out", nn.Linear(8, 8)).rest is not None


def test_an_exact_layer_beside_int8_ones_keeps_what_float16_holds():
    linear = nn.Linear(INPUTS, OUTPUTS).requires_grad_(False)
    linear.weight.copy_(linear.weight.half())
    found = layers_for(torch.int8, CPU, rows=3)("cross.0.key", linear)
    assert torch.equal(found.weight, linear.weight)
    assert found.stored.dtype == torch.float16
    x = torch.randn(2, 3, INPUTS, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(found(x), linear(x))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ["readout.head", "transformers.0.0.out"])
def test_weights_are_packed_if_this_processor_can(precision, name, monkeypatch):
    linear = nn.Linear(32, 16).requires_grad_(False)
    able = kernels.available()
    layer_for = layers_for(precision, torch.device("cpu"), 8)
    kind = layer_for(name, linear).bias.dtype
    assert isinstance(layer_for(name, linear), PackedLinear) is (kind in able.packed)
    monkeypatch.setattr(kernels, "available", kernels.Kernels)
    assert isinstance(layer_for(name, linear), PlainLinear)
