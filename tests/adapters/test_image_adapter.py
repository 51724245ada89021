from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.adapters.patches import patchify
from perceiver_cli.media.types import Picture
from perceiver_cli.preparation.image import ImagePreparation, ImageRecipe
from tests.windows import windows_of

few = settings(max_examples=25, deadline=None)


def elements_of(adapter: ImageAdapter, pixels: np.ndarray) -> torch.Tensor:
    """The byte array [M, C] of a picture given as pixels [H, W, 3]."""
    picture = Picture(pixels, pixels.shape[1], pixels.shape[0])
    array = windows_of(adapter, picture)[0].arrays["image"]
    return adapter.byte_array({"image": torch.from_numpy(array.copy())[None]})["image"][0]


def one_hot(size: int, index: int) -> np.ndarray:
    mass = np.zeros(size)
    mass[index] = 1.0
    return mass


@pytest.mark.parametrize(
    "recipe",
    [
        ImageRecipe(),
        ImageRecipe(size=24, patch=1, bands=3, highest=12.0),
        ImageRecipe(size=32, patch=8, crop=0.8, bands=5, spacing="log"),
        ImageRecipe(size=32, values="cosines"),
    ],
)
@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (7, 5), (1, 300)])
def test_the_byte_array_is_what_the_channels_say(recipe, shape):
    adapter = ImageAdapter(recipe)
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    x = elements_of(adapter, pixels)
    held = [3 * recipe.patch**2] * (2 if recipe.values == "cosines" else 1)
    values = sum(held)
    assert x.shape == ((recipe.size // recipe.patch) ** 2, adapter.streams["image"])
    assert [group.count for group in adapter.channels] == [*held, 2, 4 * recipe.bands]
    assert x.dtype == torch.float32
    corners = x[[0, -1], values : values + 2]
    assert corners.tolist() == [[-1, -1], [1, 1]]
    top_right = x[recipe.size // recipe.patch - 1, values : values + 2]
    assert top_right.tolist() == [-1, 1]


def test_pixels_are_normalised_by_mean_and_std():
    recipe = ImageRecipe(size=4, patch=2, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    colour = np.array([51, 102, 255], np.uint8)
    x = elements_of(ImageAdapter(recipe), np.broadcast_to(colour, (9, 9, 3)).copy())
    expected = [(0.2 - 0.1) / 0.5, (0.4 - 0.2) / 0.25, (1 - 0.3) / 0.125]
    torch.testing.assert_close(x[:, :12], torch.tensor(expected * 4).expand(4, 12))


@few
@given(st.data())
def test_one_pixel_lights_one_element_and_leads_back(data):
    """For pictures of the model's size, tall and wide pictures, and reduced decodes of them."""
    patch = data.draw(st.sampled_from([1, 2, 4]))
    side = data.draw(st.sampled_from([8, 16, 24]))
    height, width = side, side
    if data.draw(st.booleans()):
        height += data.draw(st.integers(0, 30))
    else:
        width += data.draw(st.integers(0, 30))
    reduced = data.draw(st.sampled_from([1, 2, 8]))
    x = data.draw(st.integers(0, side - 1)) + (width - side) // 2
    y = data.draw(st.integers(0, side - 1)) + (height - side) // 2

    adapter = ImageAdapter(ImageRecipe(size=side, patch=patch))
    black = np.zeros((height, width, 3), np.uint8)
    white = black.copy()
    white[y, x] = 255
    changed = (elements_of(adapter, white) != elements_of(adapter, black)).any(-1)
    assert changed.sum() == 1
    element = int(changed.nonzero())
    column, row = (x - (width - side) // 2) // patch, (y - (height - side) // 2) // patch
    assert element == row * (side // patch) + column

    window = windows_of(adapter, Picture(white, width * reduced, height * reduced))[0]
    focus = adapter.focus("image", one_hot(len(changed), element)[None], window)[0]
    assert focus[0].mass == 1
    box = focus[0].where
    assert box["x0"] <= x * reduced
    assert (x + 1) * reduced <= box["x1"]
    assert box["y0"] <= y * reduced
    assert (y + 1) * reduced <= box["y1"]
    assert box["x1"] - box["x0"] <= reduced * (side / 4 + patch)
    assert box["y1"] - box["y0"] <= reduced * (side / 4 + patch)


@pytest.mark.parametrize("crop", [0.5, 0.875, 1.0])
@pytest.mark.parametrize(("height", "width"), [(300, 200), (200, 460), (256, 256)])
def test_a_spot_in_a_large_picture_leads_back(crop, height, width):
    adapter = ImageAdapter(ImageRecipe(size=32, patch=4, crop=crop))
    black = np.zeros((height, width, 3), np.uint8)
    reach = crop * min(height, width) / 2 - 10
    for dx, dy in ((-1, -1), (1, -0.6), (0.3, 1), (-0.3, 0.1)):
        x, y = round(width / 2 + dx * reach), round(height / 2 + dy * reach)
        white = black.copy()
        white[y - 4 : y + 4, x - 4 : x + 4] = 255
        brighter = (elements_of(adapter, white) - elements_of(adapter, black)).sum(-1)
        window = windows_of(adapter, Picture(white, width, height))[0]
        mass = one_hot(64, int(brighter.argmax()))
        box = adapter.focus("image", mass[None], window)[0][0].where
        # The heaviest element holds at least a quarter of the spot, so the box touches it.
        assert box["x0"] <= x + 4
        assert x - 4 <= box["x1"]
        assert box["y0"] <= y + 4
        assert y - 4 <= box["y1"]
        assert box["x1"] - box["x0"] <= crop * min(height, width) / 4 + 1


def test_regions_come_heaviest_first_and_disjoint():
    adapter = ImageAdapter(ImageRecipe(size=32, patch=4))
    window = windows_of(adapter, Picture(np.zeros((80, 80, 3), np.uint8), 80, 80))[0]
    mass = np.zeros((8, 8))
    mass[0, 0], mass[4, 5], mass[7, 1] = 0.2, 0.5, 0.3
    found = adapter.focus("image", mass.reshape(1, -1), window)[0]
    assert [f.mass for f in found] == [0.5, 0.3, 0.2]
    assert [f.where for f in found] == [
        {"x0": 40, "y0": 40, "x1": 60, "y1": 60},
        {"x0": 0, "y0": 60, "x1": 20, "y1": 80},
        {"x0": 0, "y0": 0, "x1": 20, "y1": 20},
    ]


def test_the_loader_is_asked_for_more_than_the_crop_needs():
    assert ImagePreparation(ImageRecipe(size=64, crop=0.5)).needs.at_least == 256


@pytest.mark.parametrize(
    ("shape", "patch"), [((12,), (4,)), ((6, 8), (2, 4)), ((4, 6, 6), (2, 3, 1))]
)
def test_patches_hold_the_right_values_in_order(shape, patch):
    grid = torch.arange(2 * 3 * int(np.prod(shape))).reshape(2, 3, *shape)
    found = patchify(grid, patch)
    counts = [s // p for s, p in zip(shape, patch, strict=True)]
    assert found.shape == (2, *counts, 3 * int(np.prod(patch)))
    for where in np.ndindex(*counts):
        block = grid[(slice(None), slice(None))]
        for axis, (index, p) in enumerate(zip(where, patch, strict=True)):
            block = block.narrow(2 + axis, index * p, p)
        # By place first, then by channel.
        expected = block.movedim(1, -1).flatten(1)
        assert torch.equal(found[(slice(None), *where)], expected)
    assert found.unique().numel() == grid.numel()


def test_training_gets_the_whole_square():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    picture = Picture(pixels, 64, 64)
    cropping = ImageAdapter(ImageRecipe(size=64, crop=0.5))
    assert not np.array_equal(windows_of(cropping, picture)[0].arrays["image"], pixels)
    np.testing.assert_array_equal(
        windows_of(type(cropping)(cropping.training_recipe()), picture)[0].arrays["image"], pixels
    )
