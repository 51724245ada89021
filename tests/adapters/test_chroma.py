from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from perceiver_cli.adapters.chroma import subsample_chroma
from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe


def smooth_picture(seed: int, side: int = 32) -> np.ndarray:
    """Colours and luma that vary independently from pixel to pixel, far from black and white."""
    noise = np.random.default_rng(seed).integers(70, 186, (side, side, 3))
    return noise.astype(np.uint8)


def as_420(pixels: np.ndarray) -> np.ndarray:
    """A picture after compression as a JPEG file of best quality with 4:2:0 chroma."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=100, subsampling="4:2:0")
    return np.asarray(Image.open(stream).convert("RGB"))


def features(pixels: np.ndarray, chroma: str) -> torch.Tensor:
    adapter = ImageAdapter(ImageRecipe(size=pixels.shape[0], chroma=chroma))
    return adapter.features({"image": torch.from_numpy(pixels.copy())[None]})["image"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_picture_and_its_420_copy_are_read_nearly_alike(seed):
    picture = smooth_picture(seed)
    copy = as_420(picture)
    apart = {
        chroma: (features(picture, chroma) - features(copy, chroma)).square().mean().sqrt()
        for chroma in ("full", "half")
    }
    assert apart["half"] < 0.15
    assert apart["full"] > 3 * apart["half"]


def test_luma_stays_and_chroma_is_averaged_over_two_by_two_pixels():
    """By hand: the left half of the columns is red, the right half blue, with the same luma."""
    red, blue = (170.0, 70.0, 60.0), (90.0, 100.0, 115.3509)
    row = torch.tensor([red, red, red, red, blue, blue, blue, blue])
    picture = row.T[None, :, None, :].expand(1, 3, 8, 8).contiguous()
    found = subsample_chroma(picture)
    # Blocks do not straddle the border, so only linear interpolation mixes the two beside it:
    # a pixel there lies a quarter of the way to the other side's block.
    expected = torch.lerp(
        row[:1], row[-1:], torch.tensor([0, 0, 0, 0.25, 0.75, 1, 1, 1]).unsqueeze(1)
    )
    torch.testing.assert_close(found[0, :, 3].T, expected.round(), atol=0, rtol=0)


def test_grey_pictures_are_unchanged():
    grey = torch.randint(0, 256, (2, 1, 6, 6)).float().expand(2, 3, 6, 6)
    assert torch.equal(subsample_chroma(grey), grey)


def test_a_still_film_is_read_as_its_picture():
    pixels = torch.from_numpy(smooth_picture(1))
    film = VideoAdapter(VideoRecipe(size=32, frames=2, chroma="half", audio=None))
    frames = film.features({"video": pixels.expand(1, 2, 32, 32, 3)})["video"]
    picture = features(pixels.numpy(), "half")
    torch.testing.assert_close(frames, picture.unsqueeze(2).expand_as(frames), atol=0, rtol=0)


@pytest.mark.parametrize("recipe", [ImageRecipe(size=5, patch=5), VideoRecipe(size=5, patch=5)])
def test_an_odd_size_cannot_have_half_of_the_chroma(recipe):
    kind = ImageAdapter if isinstance(recipe, ImageRecipe) else VideoAdapter
    with pytest.raises(ValueError, match="chroma"):
        kind(replace(recipe, chroma="half"))
