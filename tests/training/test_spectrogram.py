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


def test_masks_are_whole_bands_or_whole_frames():
    torch.manual_seed(0)
    masked = mask_spans(torch.ones(100, 64, 200)) == 0
    stripes = masked.all(2, keepdim=True) | masked.all(1, keepdim=True)
    assert torch.equal(masked, stripes)
    assert 0.05 < masked.float().mean() < 0.3


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
