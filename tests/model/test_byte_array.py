"""Reading the byte array in slices or at lower precision gives the same answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.inference.attention_statistics import AttentionRecorder
from perceiver_cli.model import grid, keys_values
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.model.quantization.precision import WIDE, float_dtype
from perceiver_cli.model.quantization.replacement import byte_array_dtype, layers_for
from perceiver_cli.preparation.image import ImageRecipe

ADAPTER = ImageAdapter(ImageRecipe(size=16, patch=2, bands=4, highest=4.0))
CONFIG = PerceiverConfig(
    streams=ADAPTER.streams, classes=5, latents=6, width=16, cross_attends=2, layers=1
)
CPU = torch.device("cpu")


def features() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"image": torch.randn(2, 3, 16, 16, generator=generator)}


@pytest.mark.parametrize("chunk", [7, 64, 1000])
@pytest.mark.parametrize("heads", [1, 5])
def test_positions_apart_and_any_slices_change_nothing(randomise, monkeypatch, chunk, heads):
    model = randomise(Perceiver(replace(CONFIG, cross_heads=heads, cross_channels=20))).float()
    watches = AttentionRecorder(), AttentionRecorder()
    with torch.inference_mode():
        plain = model(ADAPTER.with_positions(features()), watch=watches[0])
        monkeypatch.setattr(keys_values, "CHUNK", chunk)
        monkeypatch.setattr(grid, "POSITIONS", chunk)
        quick = model(
            ADAPTER.element_values(features()), watch=watches[1], positions=ADAPTER.fixed_positions
        )
    torch.testing.assert_close(quick, plain, rtol=0, atol=3e-5)
    for one, other in zip(watches[0].measured, watches[1].measured, strict=True):
        for name in ("entropy_bits", "peak", "mass", "effective"):
            torch.testing.assert_close(
                getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-5
            )


def lowered(model: Perceiver, precision: torch.dtype) -> Perceiver:
    layer_for = layers_for(precision, CPU, CONFIG.latents)
    for name in [name for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)]:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer_for(name, model.get_submodule(name)))
    return model.requires_grad_(False)


@pytest.mark.parametrize(
    ("precision", "least", "most"),
    [(torch.float32, 0, 1e-5), (torch.bfloat16, 1e-6, 0.1), (torch.int8, 1e-6, 0.1)],
)
def test_lower_precisions_give_nearly_the_same(randomise, processor, precision, least, most):
    model = randomise(Perceiver(replace(CONFIG, readout="query"))).float()
    streams = ADAPTER.with_positions(features())
    with torch.inference_mode():
        exact = model(streams)
        found = lowered(model, precision)(streams, dtype=byte_array_dtype(model, precision, CPU))
    difference = (found - exact).abs().max() / exact.std()
    assert found.dtype == torch.float32
    assert least <= difference < most


def test_only_elements_that_a_wide_model_multiplies_itself_are_read_in_a_lower_precision():
    wide = Perceiver(replace(CONFIG, width=WIDE))
    many = Perceiver(replace(wide.config, cross_heads=5, cross_channels=20))
    narrow = Perceiver(replace(CONFIG, width=WIDE - 1))
    assert byte_array_dtype(wide, torch.bfloat16, CPU) == torch.bfloat16
    assert byte_array_dtype(wide, torch.int8, CPU) == float_dtype(torch.int8, CPU)
    assert byte_array_dtype(wide, torch.float32, CPU) == torch.float32
    for precision in (torch.bfloat16, torch.int8):
        assert byte_array_dtype(many, precision, CPU) == torch.float32
        assert byte_array_dtype(narrow, precision, CPU) == torch.float32


def test_what_folds_is_what_is_read_in_a_lower_precision():
    for heads, qk in ((1, 0), (1, 20), (5, 20), (4, 8)):
        config = replace(CONFIG, width=WIDE, cross_heads=heads, cross_channels=qk)
        model = Perceiver(config)
        folds = model.cross[0].folds(config.latents)
        assert (byte_array_dtype(model, torch.bfloat16, CPU) == torch.bfloat16) == folds
