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


def test_frames_of_sound_are_active_and_those_of_silence_are_not(seeded):
    where = active_frames(bursts(3, 1.0), RATE)
    assert where.shape == (3, 250)
    assert where[:, 50:75].all()
    assert not where[:, :50].any()
    assert not where[:, 75:].any()


def test_all_frames_of_silence_are_active():
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


def test_silence_around_a_sound_does_not_change_its_level(seeded):
    sound = torch.randn(2, RATE) * torch.tensor([[0.01], [3.0]])
    alone, beside = (
        normalise_loudness(sound),
        normalise_loudness(torch.cat([sound, torch.zeros(2, RATE // 4)], 1)),
    )
    torch.testing.assert_close(alone[0].std(), alone[1].std(), rtol=0.05, atol=0)
    torch.testing.assert_close(beside[:, :RATE].std(1), alone.std(1), rtol=0.15, atol=0)
    assert normalise_loudness(torch.zeros(1, RATE)).abs().max() == 0


def test_reverberation_is_a_decaying_tail(seeded):
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


def test_clipping_changes_the_peaks_only(seeded):
    wave = torch.randn(400, 1000)
    driven = clip_peaks(wave, 0.5)
    changed = (driven != wave).any(1)
    assert 0.35 < changed.float().mean() < 0.6
    assert (driven.abs() <= wave.abs()).all()
    assert torch.equal(driven.sign(), wave.sign())


def test_the_background_is_6_to_24_db_quieter(seeded):
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


def impulse_responses(rooms=200):
    """[rooms, S]: what the rooms make of a click at 0."""
    clicks = torch.zeros(rooms, 2 * RATE)
    clicks[:, 0] = 1
    return add_reverberation(clicks, RATE, probability=1.0)


def test_reverberation_decays_by_60_db_in_a_tenth_of_a_second_to_more_than_one(seeded):
    tails = impulse_responses()[:, 1 : 1 + RATE // 10 * 10]
    # Frames of 10 ms; only those that rounding does not disturb.
    power = tails[:, : 10 * 160].unflatten(1, (10, 160)).square().mean(2).log10() * 10
    at_s = (torch.arange(10) + 0.5) / 100
    slope = ((at_s - at_s.mean()) * power).sum(1) / (at_s - at_s.mean()).square().sum()
    seconds = -60 / slope
    assert 0.08 < seconds.min() < 0.13
    assert (seconds > 1.0).float().mean() > 0.02
    assert 0.27 < seconds.median() < 0.45


def test_reverberation_ends_after_four_fifths_of_a_second(seeded):
    responses = impulse_responses().abs()
    assert responses[:, round(0.8 * RATE) :].max() < 1e-5
    assert responses[:, round(0.79 * RATE) : round(0.8 * RATE)].max() > 1e-4


def test_the_direct_sound_is_up_to_20_db_louder_than_the_rest(seeded):
    responses = impulse_responses()
    rest = responses[:, 1:].square().sum(1)
    louder = 10 * (responses[:, 0].square() / rest).log10()
    assert -0.1 < louder.min() < 0.9
    assert 19.1 < louder.max() < 20.5
    assert 8.5 < louder.mean() < 12


def test_some_reverberation_has_fewer_high_frequencies(seeded):
    tails = impulse_responses()[:, 1:801]
    alike = (tails[:, 1:] * tails[:, :-1]).sum(1) / tails.square().sum(1)
    assert alike.min() > -0.15
    assert 0.4 < alike.max() < 0.65
    assert (alike < 0.2).float().mean() > 0.1


def test_reverberation_does_not_come_back_at_the_start(seeded):
    clicks = torch.zeros(50, 2 * RATE)
    clicks[:, -1] = 1
    assert add_reverberation(clicks, RATE, probability=1.0)[:, :-1].abs().max() < 1e-5


def test_sounds_are_clipped_up_to_26_db_below_their_peak(seeded):
    wave = torch.randn(400, 1000)
    below = 20 * (wave.abs().amax(1) / clip_peaks(wave, 1.0).abs().amax(1)).log10()
    assert below.min() < 1
    assert 25 < below.max() < 26.01
    assert 11.5 < below.mean() < 14.5
    assert 0.05 < (clip_peaks(wave) != wave).any(1).float().mean() < 0.16


def test_one_background_in_five_is_another_sound_shifted(seeded):
    wave = torch.zeros(500, 64)
    wave[:, 5] = torch.arange(1.0, 501)
    added = mix_background(wave) - wave
    assert 0.14 < (added.amax(1) > 0.01).float().mean() < 0.26
    places = added.abs().amax(0).nonzero()
    assert len(places) == 1
    assert int(places) != 5


def test_the_louder_half_of_a_sound_has_a_power_of_one(seeded):
    wave = torch.randn(4, 8 * RATE) * torch.tensor([[0.02], [0.5], [1.0], [40.0]])
    power = normalise_loudness(wave).square()
    louder = power > power.median(1, keepdim=True).values
    mean = (power * louder).sum(1) / louder.sum(1)
    torch.testing.assert_close(mean, torch.ones(4), rtol=0.03, atol=0)


def test_frames_within_35_db_of_the_loudest_are_active():
    steps = torch.tensor([0.0, -30.0, -34.0, -36.0, -60.0])
    wave = (10 ** (steps / 20)).repeat_interleave(RATE // 50).unsqueeze(0)
    assert active_frames(wave, RATE).tolist() == [[True, True, True, False, False]]


def test_half_of_the_windows_hold_a_part_of_a_fifth_to_all_of_their_length(seeded):
    wave = torch.arange(1.0, 5 * RATE + 1).expand(300, -1)
    windows, _ = random_windows(wave, 2 * RATE, RATE)
    distinct = torch.tensor([len(row[row > 0].unique()) for row in windows]) / (2 * RATE)
    assert 0.4 < (distinct < 1).float().mean() < 0.58
    assert 0.19 < distinct.min() < 0.23
