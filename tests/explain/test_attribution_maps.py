"""Attribution maps: the elements of each adapter at their positions in the input."""

import numpy as np
import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.audio import mel_filters, mel_row_edges
from perceiver_cli.media.types import Picture, PointCloud, Sound, SoundWindow, Video, VideoWindow
from tests.windows import windows_of


def elements_of(adapter, window) -> dict[str, torch.Tensor]:
    arrays = {n: torch.from_numpy(np.array(a))[None] for n, a in window.arrays.items()}
    return adapter.byte_array(arrays)


def test_a_picture_with_a_bright_corner():
    adapter = build_adapter({"modality": "image", "size": 16, "patch": 4, "bands": 2})
    pixels = np.zeros((48, 80, 3), np.uint8)
    pixels[:12, 16:28] = 255  # the top left of the crop
    (window,) = windows_of(adapter, Picture(pixels, 160, 96))
    brightness = elements_of(adapter, window)["image"][0, :, :48].mean(-1).numpy()
    attribution = adapter.attribution_map("image", np.stack([brightness, -brightness]), window)
    assert attribution.values.shape == (2, 4, 4)
    assert np.unravel_index(attribution.values[0].argmax(), (4, 4)) == (0, 0)
    assert attribution.box == (32, 0, 96, 96)
    assert np.array_equal(attribution.values[1], -attribution.values[0])


def sound_adapter(**changes):
    values = {"modality": "audio", "rate": 8000, "window_s": 1.0, "mels": 16, "bands": 2}
    return build_adapter(values | changes)


def test_a_sound_that_is_loud_at_one_moment_and_one_pitch():
    adapter = sound_adapter()
    t = np.arange(8000) / 8000
    noise = np.random.default_rng(0).normal(0, 2e-3, 8000)
    samples = np.where((t > 0.5) & (t < 0.54), np.sin(2 * np.pi * 3000 * t), noise)
    media = Sound((SoundWindow(samples.astype(np.float32), 7.0),), 8000, 20.0, 8000, 1)
    (window,) = windows_of(adapter, media)
    loudness = elements_of(adapter, window)["audio"][0, :, :16].mean(-1).numpy()
    attribution = adapter.attribution_map("audio", loudness[None], window)
    assert attribution.values.shape == (1, 4, 25)
    band, step = np.unravel_index(attribution.values[0].argmax(), (4, 25))
    assert attribution.start_s + step * attribution.step_s == pytest.approx(7.5, abs=0.06)
    edges = attribution.edges_hz[:: adapter.recipe.patch_mels]
    assert edges[band] <= 3000 <= edges[band + 1]
    assert attribution.spectrum.shape == (16, 100)
    assert len(attribution.samples) == 8000


def test_a_short_sound_is_folded_onto_itself():
    adapter = sound_adapter()
    samples = np.random.default_rng(0).normal(size=3200).astype(np.float32)
    (window,) = windows_of(adapter, Sound((SoundWindow(samples, 0.0),), 8000, 0.4, 8000, 1))
    values = np.zeros((1, 4, 25))
    values[0, 0, [2, 12, 22]] = 3.0  # the same moment in all its repeats, 10 steps apart
    attribution = adapter.attribution_map("audio", values.reshape(1, -1), window)
    assert attribution.values.shape == (1, 4, 10)
    assert attribution.values[0, 0, 2] == pytest.approx(3.0)
    assert attribution.values.sum() == pytest.approx(3.0)
    assert len(attribution.samples) == 3200
    assert attribution.spectrum.shape[1] == 40


def test_mel_rows_lie_around_the_peaks_of_the_filters():
    rate, mels = 16000, 64
    peaks = mel_filters(rate, 16000, mels, 50.0).argmax(1).numpy() * rate / 16000
    edges = mel_row_edges(rate, mels, 50.0)
    assert (edges[:-1] < peaks).all()
    assert (peaks < edges[1:]).all()


@pytest.mark.parametrize("up", ["y", "z"])
def test_points_lie_where_the_file_has_them(up):
    in_file = np.random.default_rng(0).normal(size=(64, 3)) * (1, 2, 3) + 100
    z_up = in_file if up == "z" else np.stack([in_file[:, 0], -in_file[:, 2], in_file[:, 1]], 1)
    adapter = build_adapter({"modality": "pointcloud", "points": 64})
    (window,) = windows_of(adapter, PointCloud(z_up, "cloud", up, 64, 0))
    attribution = adapter.attribution_map("pointcloud", np.arange(64.0)[None], window)
    assert attribution.up == up
    nearest = np.linalg.norm(attribution.points[:, None] - in_file[None], axis=-1)
    assert nearest.min(1).max() < 1e-4
    assert len(set(nearest.argmin(1))) == 64


def test_a_video_that_lights_up_late_and_below():
    adapter = build_adapter(
        {"modality": "av", "frames": 4, "size": 16, "patch": 4, "bands": 2, "audio": None}
    )
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    frames[2:, 24:, :8] = 255
    times = np.array([5.0, 5.5, 6.0, 6.5])
    media = Video((VideoWindow(frames, times, 5.0),), 64, 64, 2.0, 9.0)
    (window,) = windows_of(adapter, media)
    brightness = elements_of(adapter, window)["video"][0, :, :96].mean(-1).numpy()
    attribution = adapter.attribution_map("video", brightness[None], window)
    assert attribution.values.shape == (1, 4, 4, 4)
    for frame in (2, 3):
        assert np.unravel_index(attribution.values[0, frame].argmax(), (4, 4)) == (3, 0)
    assert attribution.values[0, 2:].max() > attribution.values[0, :2].max()
    assert attribution.box == (0, 0, 64, 64)
