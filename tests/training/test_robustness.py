import json

import numpy as np
import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.media.types import Picture, PointCloud, Sound, SoundWindow, Video, VideoWindow
from perceiver_cli.modalities import part
from tests.training.test_train_command import make_folder, shape, sound
from tests.windows import windows_of

RATE = 16000


def media(kind):
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, 2 * RATE).astype(np.float32)
    frames = rng.integers(0, 255, (4, 32, 40, 3), np.uint8)
    return {
        "image": Picture(frames[0], 40, 32),
        "audio": Sound((SoundWindow(samples, 0.0),), RATE, 2.0, RATE, 1),
        "pointcloud": PointCloud(rng.uniform(-1, 1, (1000, 3)), "cloud", "z", 1000, 0),
        "av": Video(
            (VideoWindow(frames, np.arange(4) / 4, 0.0, sound=samples),), 40, 32, 4.0, 1.0, RATE
        ),
    }[kind]


CORRUPTIONS = {kind: part(kind, "corruptions") for kind in ("image", "audio", "pointcloud", "av")}


def changed(kind, name):
    return CORRUPTIONS[kind][name](media(kind), np.random.default_rng(1))


def arrays(found):
    if isinstance(found, Picture):
        return [found.pixels]
    if isinstance(found, PointCloud):
        return [found.points]
    if isinstance(found, Sound):
        return [window.samples for window in found.windows]
    return [a for w in found.windows for a in (w.frames, w.sound) if a is not None]


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in CORRUPTIONS for n in CORRUPTIONS[k]])
def test_every_change_gives_another_input_that_the_adapter_takes(kind, name):
    before, after = media(kind), changed(kind, name)
    assert type(after) is type(before)
    pairs = list(zip(arrays(before), arrays(after), strict=False))
    assert len(arrays(before)) != len(arrays(after)) or not all(
        np.array_equal(a, b) for a, b in pairs
    )
    for a, b in pairs:
        assert a.dtype == b.dtype
    windows = windows_of(build_adapter({"modality": kind}), after)
    assert all(np.isfinite(array).all() for array in windows[0].arrays.values())


def byte_array(kind, found):
    adapter = build_adapter({"modality": kind})
    window = windows_of(adapter, found)[0]
    (stream,) = adapter.byte_array(
        {name: torch.from_numpy(array)[None] for name, array in window.arrays.items()}
    ).values()
    return stream


@pytest.mark.parametrize(
    ("kind", "name"), [("pointcloud", "scaled and moved"), ("audio", "40 dB quieter")]
)
def test_scale_position_and_loudness_do_not_reach_the_model(kind, name):
    before, after = byte_array(kind, media(kind)), byte_array(kind, changed(kind, name))
    torch.testing.assert_close(after, before, atol=1e-3, rtol=1e-3)


def test_a_telephone_has_no_high_frequencies():
    (samples,) = arrays(changed("audio", "over a telephone"))
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert power[hertz > 3500].sum() < 1e-6 * power.sum()


@pytest.mark.parametrize("name", ["noise at 10 dB", "music behind at 10 dB"])
def test_what_is_mixed_in_is_ten_decibels_quieter(name):
    (before,), (after,) = arrays(media("audio")), arrays(changed("audio", name))
    ratio = np.mean(before**2.0) / np.mean((after - before) ** 2.0)
    assert 10 * np.log10(ratio) == pytest.approx(10, abs=0.1)


def test_turning_keeps_height_and_distance():
    before, after = media("pointcloud").points, changed("pointcloud", "turned about the vertical")
    np.testing.assert_allclose(after.points[:, 2], before[:, 2])
    np.testing.assert_allclose(
        np.linalg.norm(after.points, axis=1), np.linalg.norm(before, axis=1), rtol=1e-9
    )


def test_evaluate_reports_robustness_and_unknown_things(tmp_path, run):
    data = make_folder(tmp_path / "data", shape, ("cube", "rod"), {"train": 8, "val": 3})
    other = make_folder(tmp_path / "other", sound, ("hum",), {"all": 2})
    target = tmp_path / "own.safetensors"
    small = ["--set", "model.latents=4", "--set", "model.width=16", "--set", "input.points=64"]
    run("train", data, "-m", "pointcloud", "-o", target, "--steps", 30, "--batch-size", 4, *small)
    call = ["evaluate", data, "--model", target, "--robustness", "--record", "val"]
    folders = [data / "val", data / "val" / "cube", data / "train" / "cube"]
    unknown = [word for folder in folders for word in ("--unknown", folder)]
    outcome = run(*call, *unknown, "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    measured = json.loads(outcome.stdout)
    assert set(measured["robustness"]) == set(CORRUPTIONS["pointcloud"])
    assert measured["robustness"]["scaled and moved"]["top1"] == measured["top1"]
    items = {name: found["items"] for name, found in measured["unknown"].items()}
    assert items == {"val": 6, str(folders[1]): 3, str(folders[2]): 8}
    assert measured["unknown"]["val"]["a_class"] == pytest.approx(measured["kept"], abs=1e-3)
    assert measured["answers"]["levels"]["class"]["given"] == measured["kept"]
    assert run(*call).stdout.count("turned about the vertical") == 1
    info = json.loads(run("models", "info", target, "--format", "json").stdout)
    assert set(info["card"]["measured"]["val"]["robustness"]) == set(CORRUPTIONS["pointcloud"])

    outcome = run("evaluate", data, "--model", target, "--unknown", other)
    assert outcome.exit_code == 2
    assert "none of its files could be classified" in outcome.stderr


def test_a_phone_photo_is_large_and_a_picture_that_is_large_is_not_enlarged():
    rng = np.random.default_rng(1)
    photo = CORRUPTIONS["image"]["phone photo"](media("image"), rng)
    assert (photo.width, photo.height) == (3750, 3000)
    large = Picture(np.zeros((520, 600, 3), np.uint8), 600, 520)
    assert CORRUPTIONS["image"]["full-size, clean"](large, rng).pixels.shape == (520, 600, 3)


def test_a_screenshot_has_the_whole_picture_in_its_middle():
    picture = Picture(np.full((50, 100, 3), 200, np.uint8), 100, 50)
    screen = CORRUPTIONS["image"]["screenshot of it"](picture, np.random.default_rng(1)).pixels
    rows, columns = np.nonzero((screen == 200).all(2))
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == (1200, 600)
    assert columns.min() + columns.max() + 1 == 1280
