import numpy as np
import pytest
import torch

from perceiver_cli.training.augment import waveform
from perceiver_cli.training.augment.waveform import (
    active_frames,
    add_reverberation,
    clip_peaks,
    mix_background,
    normalise_loudness,
    random_windows,
)

RATE = 16000


@pytest.fixture
def seeded():
    torch.manual_seed(0)


def bursts(count, at_s, length_s=0.5, whole_s=5.0):
    """Noise from at_s on for length_s, and digital silence around it: [count, S]."""
    wave = torch.zeros(count, round(whole_s * RATE))
    start, size = round(at_s * RATE), round(length_s * RATE)
    wave[:, start : start + size] = torch.randn(count, size)
    return wave


def test_only_the_sound_is_heard(seeded):
    where = active_frames(bursts(3, 1.0), RATE)
    assert where.shape == (3, 250)
    assert where[:, 50:75].all()
    assert not where[:, :50].any()
    assert not where[:, 75:].any()


def test_of_nothing_all_is_heard():
    assert active_frames(torch.zeros(2, RATE), RATE).all()


@pytest.mark.parametrize("at_s", [0.0, 2.2, 4.5])
def test_every_window_has_sound_in_it(seeded, at_s):
    windows, _ = random_windows(bursts(300, at_s), 2 * RATE, RATE)
    assert windows.shape == (300, 2 * RATE)
    assert (windows.abs().amax(1) > 0).all()


def test_some_windows_are_repeated_and_some_in_silence(seeded):
    wave = torch.arange(1.0, 5 * RATE + 1).expand(400, -1)
    windows, _ = random_windows(wave, 2 * RATE, RATE)
    silent = (windows == 0).any(1)
    repeated = (windows.diff(dim=1) < 0).any(1) & ~silent
    assert 0.1 < silent.float().mean() < 0.24
    assert 0.25 < repeated.float().mean() < 0.42


def test_the_middle_says_where_the_teacher_is_asked(seeded):
    wave = torch.arange(5.0 * RATE).expand(200, -1)
    windows, middle = random_windows(wave, 2 * RATE, RATE)
    whole = (windows.diff(dim=1) == 1).all(1)
    torch.testing.assert_close(middle[whole], windows[whole, 0] / (3 * RATE), atol=1e-3, rtol=0)
    assert middle.amin() >= 0
    assert middle.amax() <= 1


def test_a_recording_that_is_as_long_as_the_window(seeded):
    windows, middle = random_windows(torch.rand(50, RATE) + 1, RATE, RATE)
    assert windows.shape == (50, RATE)
    assert middle.isfinite().all()


def test_silence_around_a_sound_does_not_count_for_its_level(seeded):
    sound = torch.randn(2, RATE) * torch.tensor([[0.01], [3.0]])
    alone, beside = (
        normalise_loudness(sound),
        normalise_loudness(torch.cat([sound, torch.zeros(2, RATE // 4)], 1)),
    )
    torch.testing.assert_close(alone[0].std(), alone[1].std(), rtol=0.05, atol=0)
    torch.testing.assert_close(beside[:, :RATE].std(1), alone.std(1), rtol=0.15, atol=0)
    assert normalise_loudness(torch.zeros(1, RATE)).abs().max() == 0


def test_rooms_add_a_tail_that_fades(seeded):
    clicks = torch.zeros(200, 2 * RATE)
    clicks[:, 100] = 1
    returned = add_reverberation(clicks, RATE)
    other = (returned != clicks).any(1)
    assert 0.15 < other.float().mean() < 0.35
    power = returned[other].square()
    assert (power[:, :100].sum(1) < 1e-6).all()
    early, late = power[:, 101:1701].sum(1), power[:, 9701:11301].sum(1)
    assert (late < early).all()
    assert (power[:, 100] >= early * 0.5).all()


def test_overdriven_sounds_lose_their_peaks_alone(seeded):
    wave = torch.randn(400, 1000)
    driven = clip_peaks(wave, 0.5)
    changed = (driven != wave).any(1)
    assert 0.35 < changed.float().mean() < 0.6
    assert (driven.abs() <= wave.abs()).all()
    assert torch.equal(driven.sign(), wave.sign())


def test_another_sound_lies_well_below(seeded):
    wave = torch.randn(300, 4000)
    added = mix_background(wave, 0.5) - wave
    share = added.square().mean(1)
    assert 0.4 < (share > 0).float().mean() < 0.6
    assert share.max() < 10**-0.6 * 1.2
    assert share[share > 0].min() > 10**-2.4 * 0.8


@pytest.mark.parametrize("change", ["add_reverberation", "clip_peaks", "mix_background"])
def test_silence_stays_finite(seeded, change):
    made = getattr(waveform, change)
    out = (
        made(torch.zeros(8, RATE), RATE)
        if change == "add_reverberation"
        else made(torch.zeros(8, RATE))
    )
    assert np.isfinite(out.numpy()).all()
