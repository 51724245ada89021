import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch.nn import functional

from perceiver_cli.training.augment import compression
from perceiver_cli.training.augment.compression import (
    FILTERS,
    compress_jpeg,
    degrade,
    gaussian_blur_matrices,
    resampling_matrices,
    smooth_or_sharpen,
)


def noise(count=300, side=32):
    """Smooth coloured noise: float [count, 3, side, side], integers from 0 to 255."""
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


def test_a_share_of_zero_changes_nothing():
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


def test_plain_pictures_keep_their_level():
    levels = torch.arange(0.0, 256, 5).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    assert torch.equal(compress_jpeg(levels, torch.full((52,), 95.0)), levels)
    # A coarse step is one of the mean's distance from the middle.
    assert torch.equal(
        compress_jpeg(torch.full((1, 3, 8, 8), 128.0), torch.tensor([1.0])).unique(),
        torch.tensor([128.0]),
    )


def test_each_picture_has_its_own_quality():
    pixels = noise(2)
    found = compress_jpeg(pixels, torch.tensor([10.0, 90.0]))
    for row, quality in enumerate((10.0, 90.0)):
        alone = compress_jpeg(pixels[row : row + 1], torch.tensor([quality]))
        torch.testing.assert_close(found[row : row + 1], alone, atol=1.0, rtol=0)


def test_blur_is_gaussian_and_the_identity_at_zero():
    blur = gaussian_blur_matrices(torch.tensor([0.0, 2.0]), 32)
    torch.testing.assert_close(blur[0], torch.eye(32))
    torch.testing.assert_close(blur.sum(2), torch.ones(2, 32))
    found = blur[1] @ noise(1)[0] @ blur[1].mT
    expected = as_pixels(as_picture(noise(1)[0]).filter(ImageFilter.GaussianBlur(2)))
    inner = (slice(None), slice(8, -8), slice(8, -8))
    assert (found - expected)[inner].abs().mean() < 1


def test_resampled_pictures_are_those_of_pillow():
    pixels = noise(1)[0]
    every = resampling_matrices(32, torch.device("cpu"))
    found = (every[:, None] @ pixels @ every[:, None].mT).clamp(0, 255)
    pairs = itertools.product(range(13, 33), FILTERS, FILTERS)
    assert len(every) == 20 * len(FILTERS) ** 2
    for own, (side, down, up) in zip(found, pairs, strict=True):
        small = as_picture(pixels).resize((side, side), down)
        assert (own - as_pixels(small.resize((32, 32), up))).abs().mean() < 1


def test_scales_and_filters_vary():
    strength = torch.arange(50) / 50
    pixels = noise(1).expand(50, -1, -1, -1)
    found = smooth_or_sharpen(pixels, torch.full((50,), 0.1), strength)
    assert len({each.numpy().tobytes() for each in found}) > 40


def test_frames_of_a_clip_are_changed_alike():
    torch.manual_seed(0)
    clips = noise(40).repeat_interleave(3, 0)
    changed = degrade(clips, frames=3).unflatten(0, (40, 3))
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    alike = (changed[:, 0] == noise(40)).flatten(1).all(1)
    assert 5 < alike.sum() < 25


@pytest.mark.parametrize("quality", [1, 5, 10, 27, 49, 50, 51, 75, 90, 95, 100])
def test_quantisation_tables_are_those_in_jpeg_files(quality):
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=quality)
    stored = Image.open(file).quantization
    for number, table in enumerate((compression.LUMA_TABLE, compression.CHROMA_TABLE)):
        (steps,) = compression.quantisation_steps(torch.tensor([float(quality)]), table)
        assert steps.flatten().tolist() == stored[number]


def test_luma_and_chroma_are_those_of_jpeg():
    picture = as_picture(noise(1)[0])
    expected = as_pixels(picture.convert("YCbCr"))
    expected[1:] -= 128
    found = compression.mix_channels(noise(1), compression.TO_YCBCR)
    torch.testing.assert_close(found[0], expected, atol=1.01, rtol=0)
    back = compression.mix_channels(found, compression.TO_RGB)
    torch.testing.assert_close(back, noise(1), atol=0.01, rtol=0)


def changed(kind, strength, side):
    """One picture and what becomes of it, without the edges; float [3, S, S]."""
    pixels = noise(1, side)
    found = smooth_or_sharpen(pixels, torch.tensor([kind]), torch.tensor([strength]))
    return pixels[0], found[0]


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_blur_is_a_gaussian_of_up_to_a_45th_of_the_side(strength):
    pixels, found = changed(0.4, strength, 90)
    expected = as_pixels(as_picture(pixels).filter(ImageFilter.GaussianBlur(2 * strength)))
    assert (found - expected)[:, 8:-8, 8:-8].abs().mean() < 0.7


@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_sharpening_is_an_unsharp_mask_of_one_pixel_and_up_to_150_percent(strength):
    pixels, found = changed(0.6, strength, 32)
    mask = ImageFilter.UnsharpMask(radius=1, percent=round(150 * strength), threshold=0)
    expected = as_pixels(as_picture(pixels).filter(mask))
    moved = (expected - pixels)[:, 8:-8, 8:-8].abs().mean()
    assert (found - expected)[:, 8:-8, 8:-8].abs().mean() < 0.15 * moved + 0.5


def test_each_kind_of_change_has_its_share(monkeypatch):
    kinds, qualities = [], []

    def smooth(pixels, kind, strength):
        assert ((strength >= 0) & (strength <= 1)).all()
        kinds.append(kind)
        return pixels

    def compress(pixels, quality):
        qualities.append(quality)
        return pixels

    monkeypatch.setattr(compression, "smooth_or_sharpen", smooth)
    monkeypatch.setattr(compression, "compress_jpeg", compress)
    torch.manual_seed(0)
    degrade(torch.zeros(4000, 3, 2, 2), share=1.0)
    (kind,), (quality,) = kinds, qualities
    assert 0.67 < len(kind) / 4000 < 0.73
    assert kind.max() < 0.7
    assert 0.5 < len(quality) / 4000 < 0.57
    assert (quality.min(), quality.max()) == (10, 95)
    assert 50 < quality.mean() < 55


def test_pictures_are_scaled_to_two_fifths_of_their_side_or_more():
    every = resampling_matrices(20, torch.device("cpu"))
    ranks = torch.linalg.matrix_rank(every)
    assert (int(ranks.min()), int(ranks.max())) == (8, 20)
    sizes = 20 - 8 + 1
    assert len(every) == sizes * len(FILTERS) ** 2


def test_a_blurred_picture_is_not_resampled_and_the_other_way_round(monkeypatch):
    monkeypatch.setattr(
        compression, "resampling_matrices", lambda side, device: torch.zeros(2, side, side)
    )
    black, blurred, sharpened = smooth_or_sharpen(
        torch.full((3, 3, 8, 8), 90.0), torch.tensor([0.29, 0.3, 0.5]), torch.ones(3)
    )
    assert not black.any()
    assert (blurred == 90).all()
    assert (sharpened == 90).all()
