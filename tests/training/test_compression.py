import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch.nn import functional

from perceiver_cli.training.augment import compression
from perceiver_cli.training.augment.compression import (
    compress_jpeg,
    degrade,
    gaussian_blur_matrices,
    random_resampling_matrices,
)


def noise(count=300, side=32):
    """Smooth coloured noise: float [count, 3, side, side], whole numbers from 0 to 255."""
    torch.manual_seed(0)
    coarse = torch.rand(count, 3, 12, 12)
    smooth = functional.interpolate(coarse, side, mode="bicubic")
    return (255 * smooth).round().clamp(0, 255)


def as_picture(pixels):
    return Image.fromarray(pixels.byte().permute(1, 2, 0).numpy())


def as_pixels(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()


def test_a_share_of_the_pictures_loses_detail_and_the_rest_nothing():
    pixels = noise()
    before = pixels.clone()
    changed = degrade(pixels)
    assert torch.equal(pixels, before)
    assert torch.equal(changed, changed.round())
    assert changed.min() >= 0
    assert changed.max() <= 255
    error = (changed - pixels).abs().mean((1, 2, 3))
    assert 0.6 < (error > 0).float().mean() < 0.75
    assert error.max() > 4
    assert (changed - pixels).mean((2, 3)).abs().max() < 20


def test_no_share_changes_nothing():
    assert torch.equal(degrade(noise(20), 0.0), noise(20))


@pytest.mark.parametrize("quality", [10, 50, 75, 95])
@pytest.mark.parametrize("side", [32, 40])
def test_compression_is_that_of_jpeg_files(quality, side):
    pixels = noise(8, side)
    found = compress_jpeg(pixels, torch.full((8,), float(quality)))
    for one, own in zip(pixels, found, strict=True):
        file = io.BytesIO()
        as_picture(one).save(file, "JPEG", quality=quality)
        expected = as_pixels(Image.open(file))
        lost = (expected - one).square().mean().sqrt()
        # The decoder rounds otherwise, and interpolates colour otherwise at the edges.
        assert (own - expected).square().mean().sqrt() < 0.25 * lost + 0.6


def test_each_picture_has_its_own_quality():
    pixels = noise(2)
    found = compress_jpeg(pixels, torch.tensor([10.0, 90.0]))
    for row, quality in enumerate((10.0, 90.0)):
        alone = compress_jpeg(pixels[row : row + 1], torch.tensor([quality]))
        torch.testing.assert_close(found[row : row + 1], alone, atol=1.0, rtol=0)


def test_blur_keeps_the_mean_of_grey_and_nothing_at_zero():
    blur = gaussian_blur_matrices(torch.tensor([0.0, 2.0]), 32)
    torch.testing.assert_close(blur[0], torch.eye(32))
    torch.testing.assert_close(blur.sum(2), torch.ones(2, 32))
    found = blur[1] @ noise(1)[0] @ blur[1].mT
    expected = as_pixels(as_picture(noise(1)[0]).filter(ImageFilter.GaussianBlur(2)))
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert (found - expected)[inner].abs().mean() < 1


def test_a_resampled_picture_is_that_of_pillow(monkeypatch):
    monkeypatch.setattr(compression, "_FILTERS", (Image.Resampling.LANCZOS,))
    monkeypatch.setattr(compression, "_SCALES", 1)
    compression._resampling_matrices.cache_clear()
    try:
        (along,) = random_resampling_matrices(1, 32)
    finally:
        compression._resampling_matrices.cache_clear()
    pixels = noise(1)[0]
    small = as_picture(pixels).resize((13, 13), Image.Resampling.LANCZOS)
    expected = as_pixels(small.resize((32, 32), Image.Resampling.LANCZOS))
    found = (along @ pixels @ along.mT).clamp(0, 255)
    assert (found - expected).abs().mean() < 1


def test_scales_and_filters_vary():
    torch.manual_seed(0)
    along = random_resampling_matrices(50, 32)
    torch.testing.assert_close(along.sum(2), torch.ones(50, 32), atol=1e-3, rtol=0)
    assert len({each.numpy().tobytes() for each in along}) > 40
