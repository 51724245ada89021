"""The constants of the first cross-attend: the same answers, with less to compute."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.attention import AttentionWatch
from perceiver_cli.model import attention
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.image import ImageRecipe

ADAPTER = ImageAdapter(ImageRecipe(size=16, patch=2, bands=4, highest=4.0))
CONFIG = PerceiverConfig(
    streams=ADAPTER.streams, classes=5, latents=6, width=16, cross_attends=2, layers=1
)


def byte_array(batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randn(batch, 3, 16, 16, generator=generator)
    return ADAPTER.elements({"image": pixels})


@pytest.mark.parametrize("chunk", [7, 64, 1000])
@pytest.mark.parametrize("sharing", ["none", "all"])
def test_the_constant_part_changes_nothing(randomise, monkeypatch, chunk, sharing):
    monkeypatch.setattr(attention, "CHUNK", chunk)
    model = randomise(Perceiver(replace(CONFIG, share_cross=sharing))).float()
    streams = byte_array()
    seen = []
    for positions in (None, ADAPTER.fixed):
        if positions is not None:
            model.fix(positions)
        watch = AttentionWatch()
        with torch.inference_mode():
            seen.append((model(streams, watch), watch.measured))
    (plain, before), (quick, after) = seen
    torch.testing.assert_close(quick, plain, rtol=0, atol=3e-5)
    for one, other in zip(before, after, strict=True):
        for name in ("entropy_bits", "peak", "mass", "effective"):
            torch.testing.assert_close(
                getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-5
            )


def test_other_elements_than_the_grids_are_read_plainly(randomise):
    model = randomise(Perceiver(CONFIG)).float()
    x = model.gather(byte_array())
    shuffled = x[:, torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(0))]
    with torch.inference_mode():
        expected = model.read(x)
        model.fix(ADAPTER.fixed)
        torch.testing.assert_close(model.read(shuffled), expected, rtol=0, atol=3e-5)


def test_several_streams_or_heads_have_no_constant_part(randomise):
    for config in (
        replace(CONFIG, cross_heads=1, streams={"a": 21, "b": 5}),
        replace(CONFIG, cross_heads=5),
    ):
        model = Perceiver(config)
        model.fix(ADAPTER.fixed)
        streams = {name: torch.randn(1, 64, width) for name, width in config.streams.items()}
        with torch.inference_mode():
            assert model(streams).isfinite().all()


def test_lowered_weights_give_nearly_the_same(randomise):
    model = randomise(Perceiver(replace(CONFIG, readout="query"))).float()
    streams = byte_array()
    with torch.inference_mode():
        exact = model(streams)
        model.lower()
        model.fix(ADAPTER.fixed)
        lowered = model(streams)
    assert model.transformers[0][0].qkv.weight.dtype == torch.bfloat16
    assert model.latents.dtype == torch.float32
    difference = (lowered - exact).abs().max() / exact.std()
    assert 0 < difference < 0.1
