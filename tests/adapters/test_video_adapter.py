from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.media.types import Video, VideoWindow
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.video import VideoPreparation, VideoRecipe
from tests.windows import windows_of

SOUND = AudioRecipe(rate=8000, mels=32)
SMALL = VideoRecipe(frames=8, size=32, patch_frames=2, patch=4, bands=4, audio=SOUND)
ADAPTER = VideoAdapter(SMALL)
# As a file with a variable frame rate has them.
TIMES = np.array([3.0, 3.1, 3.4, 3.5, 4.0, 4.2, 4.3, 4.9])


def video(
    frames: np.ndarray,
    sound: np.ndarray | None = None,
    times: np.ndarray = TIMES,
    reduced: int = 1,
) -> Video:
    window = VideoWindow(frames, times, float(times[0]), sound=sound)
    height, width = frames.shape[1:3]
    rate = None if sound is None else SOUND.rate
    return Video((window,), width * reduced, height * reduced, None, 8.0, rate)


def byte_array(adapter: VideoAdapter, media: Video) -> dict[str, torch.Tensor]:
    """stream -> [M, C]."""
    arrays = windows_of(adapter, media)[0].arrays
    batch = {name: torch.from_numpy(x.copy())[None] for name, x in arrays.items()}
    return {name: x[0] for name, x in adapter.byte_array(batch).items()}


def noise_frames(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (8, height, width, 3), np.uint8)


@pytest.mark.parametrize("with_sound", [True, False])
@pytest.mark.parametrize("with_audio_recipe", [True, False])
def test_the_byte_arrays_are_what_the_channels_say(with_sound, with_audio_recipe):
    recipe = SMALL if with_audio_recipe else VideoRecipe(size=32, bands=4, audio=None)
    adapter = VideoAdapter(recipe)
    sound = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    streams = byte_array(adapter, video(noise_frames(), sound if with_sound else None))
    expected = {"video", "audio"} if with_sound and with_audio_recipe else {"video"}
    assert set(streams) == expected
    assert set(adapter.streams) == ({"video", "audio"} if with_audio_recipe else {"video"})
    for name, x in streams.items():
        assert x.shape[1] == adapter.streams[name]
        assert x.isfinite().all()
    assert streams["video"].shape == (4 * 8 * 8, 3 * 2 * 16 + 3 + 6 * 4)
    positions = streams["video"][[0, -1], 96:99]
    assert positions.tolist() == [[-1, -1, -1], [1, 1, 1]]


def test_the_sound_is_the_audio_adapters_own_byte_array():
    sound = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    streams = byte_array(ADAPTER, video(noise_frames(), sound))
    alone = AudioAdapter(SOUND).byte_array({"audio": torch.from_numpy(sound)[None]})
    torch.testing.assert_close(streams["audio"], alone["audio"][0])


def test_an_empty_sound_counts_as_none():
    media = video(noise_frames(), np.zeros(0, np.float32))
    assert set(byte_array(ADAPTER, media)) == {"video"}


def test_sound_alone_makes_a_byte_array():
    batch = {"audio": torch.randn(2, 16000)}
    streams = ADAPTER.byte_array(batch)
    assert set(streams) == {"audio"}
    assert streams["audio"].shape == (2, 8 * 50, ADAPTER.streams["audio"])


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_one_pixel_lights_one_element_and_leads_back(data):
    extra = data.draw(st.integers(0, 30))
    tall = data.draw(st.booleans())
    height, width = (32 + extra, 32) if tall else (32, 32 + extra)
    reduced = data.draw(st.sampled_from([1, 2, 8]))
    frame = data.draw(st.integers(0, 7))
    x = data.draw(st.integers(0, 31)) + (width - 32) // 2
    y = data.draw(st.integers(0, 31)) + (height - 32) // 2
    black = np.zeros((8, height, width, 3), np.uint8)
    white = black.copy()
    white[frame, y, x] = 255
    lit, dark = (byte_array(ADAPTER, video(frames))["video"] for frames in (white, black))
    changed = (lit != dark).any(-1)
    assert changed.sum() == 1
    element = int(changed.nonzero())
    row, column = (y - (height - 32) // 2) // 4, (x - (width - 32) // 2) // 4
    assert element == (frame // 2 * 8 + row) * 8 + column

    mass = np.zeros(len(changed))
    mass[element] = 1.0
    window = windows_of(ADAPTER, video(white, reduced=reduced))[0]
    found = ADAPTER.focus("video", mass[None], window)[0][0]
    assert found.mass == 1
    assert found.where["time_s"] == TIMES[frame // 2 * 2]
    box = found.where
    assert box["x0"] <= x * reduced
    assert (x + 1) * reduced <= box["x1"]
    assert box["y0"] <= y * reduced
    assert (y + 1) * reduced <= box["y1"]
    assert box["x1"] - box["x0"] == box["y1"] - box["y0"] == 8 * reduced


@pytest.mark.parametrize("at_s", [0.015, 0.935, 1.895])
def test_a_click_in_the_sound_leads_back_to_the_time_in_the_file(at_s):
    sound = np.zeros(16000, np.float32)
    sound[round(at_s * 8000)] = 0.9
    media = video(noise_frames(), sound)
    x = byte_array(ADAPTER, media)["audio"]
    loudness = x[:, :16].mean(-1).numpy()
    mass = np.where(loudness > (loudness.max() + loudness.min()) / 2, 1.0, 0.0)
    found = ADAPTER.focus("audio", (mass / mass.sum())[None], windows_of(ADAPTER, media)[0])[0][0]
    assert found.where["start_s"] <= TIMES[0] + at_s < found.where["end_s"]
    assert found.mass > 0.9


def test_every_window_is_prepared_with_its_own_times():
    frames = noise_frames()
    windows = tuple(VideoWindow(frames, TIMES + shift, 3.0 + shift) for shift in (0.0, 10.0))
    first, second = windows_of(ADAPTER, Video(windows, 60, 40, 25.0, 20.0))
    mass = np.zeros(256)
    mass[-1] = 1
    assert ADAPTER.focus("video", mass[None], first)[0][0].where["time_s"] == pytest.approx(4.3)
    assert ADAPTER.focus("video", mass[None], second)[0][0].where["time_s"] == pytest.approx(14.3)
    assert second.location["start_s"] == 13


def test_what_the_loader_is_asked_for():
    needs = VideoPreparation(ADAPTER.recipe).needs
    assert (needs.frames, needs.short_side, needs.sound_rate) == (8, 64, 8000)
    assert VideoPreparation(VideoRecipe(audio=None)).needs.sound_rate is None


def test_a_crop_keeps_the_middle_and_training_gets_the_whole():
    cropping = VideoAdapter(replace(SMALL, crop=0.5))
    assert VideoPreparation(cropping.recipe).needs.short_side == 128
    frames = noise_frames(64, 64)
    middle = windows_of(ADAPTER, video(frames[:, 16:48, 16:48].copy()))[0]
    window = windows_of(cropping, video(frames))[0]
    np.testing.assert_array_equal(window.arrays["video"], middle.arrays["video"])
    assert {n: window.location[n] for n in ("left", "top", "width", "height")} == {
        "left": 16,
        "top": 16,
        "width": 32,
        "height": 32,
    }
    whole = windows_of(type(cropping)(cropping.training_recipe()), video(frames))[0]
    expected = windows_of(ADAPTER, video(frames))[0]
    np.testing.assert_array_equal(whole.arrays["video"], expected.arrays["video"])
