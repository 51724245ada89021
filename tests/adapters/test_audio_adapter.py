from __future__ import annotations

import numpy as np
import pytest
import torch

from perceiver_cli.adapters.audio import AudioAdapter, mel_filters
from perceiver_cli.media.types import Sound, SoundWindow
from perceiver_cli.preparation.audio import AudioRecipe, fit_samples
from tests.windows import windows_of

DEFAULT = AudioAdapter(AudioRecipe())


def windows_with(adapter: AudioAdapter, samples: np.ndarray, start_s: float = 0.0):
    rate = adapter.recipe.rate
    window = SoundWindow(samples.astype(np.float32), start_s)
    return windows_of(adapter, Sound((window,), rate, len(samples) / rate, rate, 1))


def log_mel(adapter: AudioAdapter, samples: np.ndarray) -> torch.Tensor:
    """float32 [mels, frames]."""
    window = windows_with(adapter, samples)[0]
    batch = {"audio": torch.from_numpy(window.arrays["audio"])[None]}
    return adapter.features(batch)["audio"][0, 0]


def elements_of(adapter: AudioAdapter, samples: np.ndarray) -> torch.Tensor:
    """The byte array [M, C]."""
    return adapter.with_positions({"audio": log_mel(adapter, samples)[None, None]})["audio"][0]


def click(adapter: AudioAdapter, length_s: float, at_s: float) -> np.ndarray:
    samples = np.zeros(round(length_s * adapter.recipe.rate), np.float32)
    samples[round(at_s * adapter.recipe.rate)] = 0.9
    return samples


def mass_of_loud_elements(adapter: AudioAdapter, samples: np.ndarray) -> np.ndarray:
    """A distribution over the elements that are louder than all but silence."""
    values = adapter.recipe.patch_mels * adapter.recipe.patch_frames
    loudness = elements_of(adapter, samples)[:, :values].mean(-1).numpy()
    loud = loudness > (loudness.max() + loudness.min()) / 2
    return loud / loud.sum()


@pytest.mark.parametrize(
    "recipe",
    [
        AudioRecipe(),
        AudioRecipe(rate=22050, window_s=1.0, mels=32, patch_mels=8, patch_frames=2, bands=4),
        AudioRecipe(window_s=0.96, patch_frames=6, spacing="log"),
        AudioRecipe(rate=8000, mels=40, patch_mels=40, patch_frames=1),
    ],
)
@pytest.mark.parametrize("length_s", [0.001, 0.3, 2.0, 3.0])
def test_the_byte_array_is_what_the_channels_say(recipe, length_s):
    adapter = AudioAdapter(recipe)
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(max(1, round(length_s * recipe.rate)))
    x = elements_of(adapter, samples)
    values = recipe.patch_mels * recipe.patch_frames
    elements = (recipe.mels // recipe.patch_mels) * (recipe.frames // recipe.patch_frames)
    assert x.shape == (elements, adapter.streams["audio"])
    assert [group.count for group in adapter.channels] == [values, 2, 4 * recipe.bands]
    assert x.isfinite().all()
    # Frequency-major: the first elements differ in time, not in frequency.
    assert x[0, values : values + 2].tolist() == [-1, -1]
    second = x[1, values : values + 2]
    assert second[0] == -1
    assert second[1] > -1


@pytest.mark.parametrize("start_s", [0.0, 7.3])
@pytest.mark.parametrize("cell", [0, 3, 11, 24, 37, 48])
def test_a_click_leads_back_to_its_time(cell, start_s):
    at_s = 0.04 * cell + 0.015
    # In faint noise: silence around it would be cut off.
    samples = click(DEFAULT, 2.0, at_s) + np.random.default_rng(0).normal(0, 2e-4, 32000)
    window = windows_with(DEFAULT, samples, start_s)[0]
    mass = mass_of_loud_elements(DEFAULT, samples)
    found = DEFAULT.focus("audio", mass[None], window)[0][0]
    assert found.where["start_s"] <= start_s + at_s < found.where["end_s"]
    assert found.where["end_s"] - found.where["start_s"] == pytest.approx(0.2, abs=1e-3)
    assert found.mass > 0.9


@pytest.mark.parametrize("length_s", [0.1, 0.2, 0.3, 0.4, 0.75, 1.0])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_click_in_a_short_sound_leads_back_to_the_one_original(length_s, part):
    at_s = 0.04 * int(part * length_s / 0.04) + 0.015
    samples = click(DEFAULT, length_s, at_s)
    window = windows_with(DEFAULT, samples, 0.0)[0]
    mass = mass_of_loud_elements(DEFAULT, samples)
    assert (mass.reshape(DEFAULT.grid).sum(0) > 0).sum() >= int(1 / length_s)
    found = DEFAULT.focus("audio", mass[None], window)[0]
    assert found[0].where["start_s"] <= at_s < found[0].where["end_s"]
    assert all(0 <= f.where["start_s"] < f.where["end_s"] <= length_s for f in found)


@pytest.mark.parametrize("gain", [1e-5, 0.1, 30.0])
def test_loudness_does_not_change_the_features(gain):
    rng = np.random.default_rng(1)
    samples = 0.3 * rng.standard_normal(32000)
    loud, soft = log_mel(DEFAULT, samples), log_mel(DEFAULT, gain * samples)
    torch.testing.assert_close(soft, loud, rtol=0, atol=1e-3)
    assert loud.std() > 0.5


@pytest.mark.parametrize("level", [0.0, 0.5, 1e-20])
@pytest.mark.parametrize("length", [1, 400, 32000])
def test_silence_and_constants_are_finite(level, length):
    assert log_mel(DEFAULT, np.full(length, level)).isfinite().all()


def test_silence_is_flat():
    assert log_mel(DEFAULT, np.zeros(32000)).abs().max() < 1e-3


def test_features_have_zero_mean_and_bounded_spread():
    features = log_mel(DEFAULT, np.random.default_rng(2).standard_normal(32000))
    assert features.shape == (64, 200)
    assert features.mean().abs() < 1e-4
    assert 0.8 < features.std() <= 1


@pytest.mark.parametrize("hz", [200.0, 1000.0, 6000.0])
def test_a_tone_is_loudest_in_its_own_band(hz):
    features = log_mel(DEFAULT, np.sin(2 * np.pi * hz * np.arange(32000) / 16000))
    loudest = int(features.mean(1).argmax())

    def to_mel(x: float) -> float:
        return 2595 * np.log10(1 + x / 700)

    expected = (to_mel(hz) - to_mel(50)) / (to_mel(8000) - to_mel(50)) * 65 - 1
    assert abs(loudest - expected) <= 1


@pytest.mark.parametrize(("rate", "mels"), [(16000, 64), (22050, 64), (44100, 128), (8000, 40)])
def test_every_filter_hears_something_and_peaks_near_one(rate, mels):
    filters = mel_filters(rate, 4 * (rate // 100), mels, 50.0)
    assert filters.shape == (mels, 2 * (rate // 100) + 1)
    assert (filters >= 0).all()
    assert (filters.amax(1) > 0.3).all()
    assert (filters.amax(1) <= 1).all()


def test_a_short_sound_is_repeated_and_a_long_one_cut():
    assert fit_samples(np.array([1, 2, 3], np.float32), 7).tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert fit_samples(np.array([1, 2, 3], np.float32), 2).tolist() == [1, 2]


def test_every_window_is_prepared_with_its_location():
    windows = tuple(SoundWindow(np.full(32000, i, np.float32), 5.0 * i) for i in range(3))
    prepared = windows_of(DEFAULT, Sound(windows, 16000, 15.0, 44100, 2))
    assert [w.location["start_s"] for w in prepared] == [0, 5, 10]
    assert [w.arrays["audio"][0] for w in prepared] == [0, 1, 2]
