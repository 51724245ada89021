"""The learned layers before the byte array beside torch's own convolutions and pooling."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.image import ImageRecipe


def model_for(recipe: ImageRecipe, **settings) -> Perceiver:
    torch.manual_seed(0)
    streams = ImageAdapter(recipe).streams
    return Perceiver(PerceiverConfig(streams=streams, classes=3, latents=4, width=8, **settings))


@pytest.mark.parametrize(("windows", "side"), [("same", 8), ("valid", 7)])
def test_windows_are_a_convolution_with_max_pooling(windows, side):
    recipe = ImageRecipe(size=32, bands=3, windows=windows)
    model = model_for(recipe, learned_inputs=9 * 147, learned_outputs=5, learned_windows=9)
    nn.init.normal_(model.preprocessor.project.bias)
    pixels = torch.randn(2, 3, 32, 32)
    x = model.gather(ImageAdapter(recipe).with_positions({"image": pixels}))

    layer = model.preprocessor.project
    before = 2 if windows == "same" else 3
    padded = functional.pad(pixels, (before, 3, before, 3))
    convolved = functional.conv2d(padded, layer.weight.view(5, 3, 7, 7), layer.bias, stride=2)
    # Beyond the edge there is nothing, which max pooling writes as minus infinity.
    more = 1 if windows == "same" else 0
    convolved = functional.pad(convolved.relu(), (0, more, 0, more), value=-torch.inf)
    expected = functional.max_pool2d(convolved, 3, 2)
    assert expected.shape == (2, 5, side, side)
    torch.testing.assert_close(x[..., :5], expected.flatten(2).mT)
    assert x.shape == (2, side * side, 5 + 14)
    assert x.shape[-1] == model.config.channels


def test_learned_positions_stand_behind_projected_pixels():
    recipe = ImageRecipe(size=6, patch=1, positions=False)
    model = model_for(
        recipe, learned_inputs=3, learned_outputs=4, position_rows=36, position_channels=5
    )
    pixels = torch.randn(2, 3, 6, 6)
    x = model.gather(ImageAdapter(recipe).with_positions({"image": pixels}))
    layer = model.preprocessor.project
    expected = functional.conv2d(pixels, layer.weight[..., None, None], layer.bias)
    torch.testing.assert_close(x[..., :4], expected.flatten(2).mT)
    assert torch.equal(x[1, :, 4:], model.preprocessor.positions)
    assert x.shape[-1] == model.config.channels == 9


def test_learned_positions_may_stand_behind_plain_pixels():
    recipe = ImageRecipe(size=6, patch=1, positions=False)
    model = model_for(recipe, position_rows=36, position_channels=5)
    pixels = torch.randn(2, 3, 6, 6)
    x = model.gather(ImageAdapter(recipe).with_positions({"image": pixels}))
    assert torch.equal(x[..., :3], pixels.flatten(2).mT)
    assert torch.equal(x[1, :, 3:], model.preprocessor.positions)


def test_learned_elements_are_read_behind_the_streams():
    config = PerceiverConfig(
        streams={"video": 9, "audio": 7},
        classes=3,
        latents=4,
        width=8,
        learned_elements=2,
        stream_padding=4,
    )
    model = Perceiver(config)
    streams = {"video": torch.randn(2, 5, 9), "audio": torch.randn(2, 6, 7)}
    x = model.gather(streams)
    assert x.shape == (2, 13, 13)
    assert torch.equal(x[1, 11:], model.learned_elements)
    assert model.padding.embeddings["audio"].shape == (6,)


def test_a_read_outs_query_may_be_wider_than_the_latents():
    config = PerceiverConfig(
        streams={"image": 9}, classes=3, width=8, readout="query", readout_width=11
    )
    assert Perceiver(config)({"image": torch.randn(2, 5, 9)}).shape == (2, 3)
