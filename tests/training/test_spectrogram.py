import math
from itertools import pairwise

import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.audio import mel_row_edges
from perceiver_cli.training.augment.spectrogram import (
    add_noise,
    augmented_features,
    limit_bandwidth,
    limit_to_telephone_band,
    mask_spans,
    random_equaliser,
    warp_time_and_frequency,
)

ADAPTER = build_adapter({"modality": "audio"})


@pytest.fixture
def log():
    torch.manual_seed(0)
    return ADAPTER.log_mel(torch.randn(200, 32000) * torch.linspace(0, 1, 32000))


def test_a_cut_leaves_nothing_in_some_bands_of_some_sounds(log):
    cut = limit_bandwidth(log)
    gone = cut.isinf().all(2)
    assert torch.equal(cut.isinf().any(2), gone)
    assert 0.3 < gone[:, -1].float().mean() < 0.5
    assert 0.1 < gone[:, 0].float().mean() < 0.3
    lowest = ADAPTER.normalise(cut)[gone[:, -1]].amin((1, 2))
    loudest = ADAPTER.normalise(cut)[gone[:, -1]].amax((1, 2))
    assert (loudest - lowest > 2).all()
    assert ADAPTER.normalise(cut).isfinite().all()


def test_noise_adds_power_and_takes_none(log):
    noisy = add_noise(log, ADAPTER.filters.sum(1))
    assert (noisy >= log).all()
    same = (noisy == log).flatten(1).all(1)
    assert 0.4 < same.float().mean() < 0.6
    power = log.exp().sum(1).mean(1)
    gain = (noisy.exp().sum(1).mean(1) / power)[~same]
    assert gain.max() < 2 * math.exp(0.5**2 / 2)
    assert gain.max() > 1.5


def test_noise_fills_what_was_cut(log):
    assert add_noise(limit_bandwidth(log), ADAPTER.filters.sum(1)).amax(1).isfinite().all()


def test_a_filter_is_the_same_at_all_times(log):
    gains = random_equaliser(log) - log
    torch.testing.assert_close(gains, gains[..., :1].expand_as(gains), atol=1e-4, rtol=0)
    assert 0.4 < (gains == 0).flatten(1).all(1).float().mean() < 0.6


def test_stretched_sounds_keep_their_shape_and_range(log):
    changed = warp_time_and_frequency(log)
    assert changed.shape == log.shape
    assert changed.amin() >= log.amin() - 1e-3
    assert changed.amax() <= log.amax() + 1e-3


def test_half_of_the_sounds_are_stretched_in_time_and_shifted_in_frequency():
    frames = torch.arange(200.0).expand(400, 64, 200)
    bands = torch.arange(64.0)[:, None].expand(400, 64, 200)
    torch.manual_seed(0)
    in_time = warp_time_and_frequency(frames)
    torch.manual_seed(0)
    in_frequency = warp_time_and_frequency(bands)
    speed = in_time[:, 32, 90:110].diff(dim=1).mean(1)
    assert 0.4 < ((speed - 1).abs() < 1e-4).float().mean() < 0.6
    assert 0.85 <= speed.min() < 0.88
    assert 1.12 < speed.max() <= 1.15
    steps = in_frequency[:, 10:54, 100].diff(dim=1)
    torch.testing.assert_close(steps, torch.ones_like(steps), rtol=0, atol=1e-3)
    shift = (in_frequency[:, 32, 100] - 32).abs()
    assert 0.045 * 64 < shift.max() <= 0.0501 * 64
    assert ((shift > 1e-3) == ((speed - 1).abs() > 1e-4)).float().mean() > 0.98


def test_a_filters_gains_are_of_five_decibels():
    torch.manual_seed(0)
    gains = random_equaliser(torch.zeros(400, 64, 3))[:, [0, -1], 0]
    assert gains[gains != 0].std() == pytest.approx(5 * math.log(10) / 10, rel=0.1)


def test_a_filter_is_linear_between_six_evenly_spaced_bands():
    torch.manual_seed(0)
    gains = random_equaliser(torch.zeros(50, 51, 1))[..., 0]
    bends = gains.diff(n=2, dim=1).abs().amax(0) > 1e-4
    assert (bends.nonzero().squeeze(1) + 1).tolist() == [10, 20, 30, 40]


def test_noise_is_up_to_30_decibels_quieter_than_the_sound():
    torch.manual_seed(0)
    log = torch.randn(600, 64, 50)
    added = add_noise(log, ADAPTER.filters.sum(1)).exp() - log.exp()
    noisy = added.flatten(1).abs().amax(1) > 1e-6
    assert 0.42 < noisy.float().mean() < 0.58
    ratio = 10 * (added.sum(1).mean(1) / log.exp().sum(1).mean(1))[noisy].log10()
    assert -31 < ratio.min() < -27
    assert -1 < ratio.max() < 3
    assert -17 < ratio.mean() < -13


def test_masks_are_whole_bands_or_whole_frames():
    torch.manual_seed(0)
    masked = mask_spans(torch.ones(100, 64, 200)) == 0
    stripes = masked.all(2, keepdim=True) | masked.all(1, keepdim=True)
    assert torch.equal(masked, stripes)
    assert 0.05 < masked.float().mean() < 0.3
    for axis, size in ((2, 64), (1, 200)):
        lines = masked.all(axis)
        assert 0.5 < lines.any(1).float().mean() < 0.8
        assert lines.float().sum(1).max() <= 2 * (size // 5)


def test_a_mask_covers_at_most_a_fifth_even_of_few_bands_and_frames():
    torch.manual_seed(0)
    masked = mask_spans(torch.ones(300, 10, 5)) == 0
    bands, frames = (masked.all(axis).sum(1) for axis in (2, 1))
    # Two masks of each; of bands each one or two, of frames one.
    assert (int(bands.min()), int(bands.max())) == (0, 4)
    assert (int(frames.min()), int(frames.max())) == (0, 2)


def test_raw_samples_stay_as_they_are():
    adapter = build_adapter({"modality": "audio", "patch_samples": 16})
    wave = torch.randn(3, adapter.recipe.samples)
    assert torch.equal(augmented_features(adapter, wave), wave.unsqueeze(1))


@pytest.mark.parametrize("floor", [40.0, 60.0])
def test_nothing_is_lower_than_the_floor(floor):
    adapter = build_adapter({"modality": "audio", "floor_db": floor})
    tone = torch.sin(torch.arange(32000) * 0.3).unsqueeze(0)
    log = adapter.log_mel(tone)
    lifted = log.clamp_min(-floor * math.log(10) / 10)
    spread = adapter.normalise(log)
    expected = (lifted.max() - lifted.min()) / (lifted.std() + 0.1)
    torch.testing.assert_close(spread.max() - spread.min(), expected)


def test_a_telephone_leaves_a_voices_band_alone(log):
    recipe = ADAPTER.recipe
    heard = limit_to_telephone_band(log, recipe.low_hz, recipe.rate, 0.5).isfinite().all(2)
    called = ~heard.all(1)
    assert 0.4 < called.float().mean() < 0.6
    edges = mel_row_edges(recipe.rate, recipe.mels, recipe.low_hz)
    for number, (low, high) in enumerate(pairwise(edges)):
        band = heard[called, number]
        if high < 200 or low > 4000:
            assert not band.any()
        if low > 400 and high < 3000:
            assert band.all()
