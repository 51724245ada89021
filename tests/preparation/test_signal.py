"""Inputs without a signal, and silence that is removed from sounds."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from perceiver_cli.media.types import Sound, SoundWindow
from perceiver_cli.preparation.audio import AudioPreparation, AudioRecipe
from perceiver_cli.preparation.signal import (
    non_silent_part,
    picture_signal,
    shape_signal,
    sound_signal,
    square_signal,
)
from tests.samples import make_picture

RATE = 16000
SAMPLES = Path(__file__).parents[2] / "perceiver_cli" / "samples"


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(np.arange(round(seconds * RATE)) * 0.3)).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "signal"),
    [
        (np.zeros(RATE, np.float32), "silent"),
        (np.resize([3e-5, -3e-5], RATE).astype(np.float32), "silent"),
        (np.full(RATE, 0.3, np.float32), "silent"),
        (np.full(RATE, 0.3, np.float32) + tone(1.0, 1e-4), "present"),
        (tone(1.0, 1e-4), "present"),
        (np.append(np.zeros(RATE, np.float32), tone(0.02)), "present"),
        (np.zeros(1, np.float32), "too_short"),
        (tone(0.099), "too_short"),
        (tone(0.101), "present"),
    ],
)
def test_sounds(samples, signal):
    assert sound_signal(samples, RATE) == signal


def test_silence_at_both_ends_is_cut_off_and_within_stays():
    silence = np.zeros(RATE, np.float32)
    samples = np.concatenate([silence, tone(0.5), silence, tone(0.5), silence])
    part = non_silent_part(samples, RATE, 60.0)
    assert part.start == pytest.approx(RATE, abs=0.08 * RATE)
    assert part.stop == pytest.approx(3 * RATE, abs=0.08 * RATE)


def test_a_quiet_ending_is_silence_from_the_floor_down():
    samples = np.concatenate([tone(1.0), tone(1.0, 0.3 * 10 ** (-50 / 20))])
    assert non_silent_part(samples, RATE, 60.0).stop == len(samples)
    assert non_silent_part(samples, RATE, 40.0).stop < 1.1 * RATE


def test_a_sound_is_read_without_the_silence_around_it():
    preparation = AudioPreparation(AudioRecipe())
    samples = np.concatenate([np.zeros(RATE // 2, np.float32), tone(1.0), np.zeros(8000, "f4")])
    (window,) = preparation.windows(Sound((SoundWindow(samples, 3.0),), RATE, 5.0, RATE, 1))
    assert window.signal == "present"
    assert window.location["start_s"] == pytest.approx(3.45, abs=0.03)
    assert window.location["length_s"] == pytest.approx(1.1, abs=0.05)
    # What is left is repeated: no stretch of the window is silent.
    assert np.abs(window.arrays["audio"]).reshape(10, -1).max(1).min() > 0.1


def sea(offset: float) -> Sound:
    """Quiet noise of two windows with a constant offset."""
    noise = np.random.default_rng(3).normal(0, 0.01, 4 * RATE)
    samples = (noise - noise.mean() + offset).astype(np.float32)
    windows = (SoundWindow(samples[: 2 * RATE], 0.0), SoundWindow(samples[2 * RATE :], 2.0, 1))
    return Sound(windows, RATE, 4.0, RATE, 1)


@pytest.mark.parametrize("offset", [0.01, 0.3, -5.0])
def test_a_constant_offset_is_removed(offset):
    preparation = AudioPreparation(AudioRecipe())
    for read, wanted in zip(
        preparation.windows(sea(offset)), preparation.windows(sea(0.0)), strict=True
    ):
        assert read.signal == "present"
        difference = read.arrays["audio"] - wanted.arrays["audio"]
        assert np.ptp(difference) < 1e-6
        assert abs(difference).max() < 0.0005  # the mean of the noise in one window


def test_a_sound_without_an_offset_is_read_as_it_is():
    sound = sea(0.0005)
    for window, read in zip(
        sound.windows, AudioPreparation(AudioRecipe()).windows(sound), strict=True
    ):
        assert np.array_equal(read.arrays["audio"], window.samples)


def test_an_offset_does_not_change_the_answer(run, tmp_path):
    samples, rate = soundfile.read(SAMPLES / "sea.ogg")
    path = tmp_path / "sea.wav"
    soundfile.write(path, 0.05 * samples + 0.2, rate)
    record = json.loads(run("classify", path, "--jsonl").stdout)
    assert record["answer"]["label"] == "sea waves"


def test_an_offset_in_a_film_does_not_change_the_scores(run, bundle, tmp_path):
    def scores(offset):
        make_film(tmp_path / "talk.mkv", tone(2.0, 0.01) + offset)
        outcome = run("classify", tmp_path / "talk.mkv", "--jsonl", "--top", "6")
        record = json.loads(outcome.stdout)
        assert record["modality"] == "av"
        return {p["label"]: p["score"] for p in record["predictions"]}

    assert scores(0.5) == pytest.approx(scores(0.0), abs=1e-3)


def make_film(path, samples):
    """A film with these samples as its sound, uncompressed."""
    with av.open(path, "w") as film:
        pictures = film.add_stream("mpeg4", rate=10, width=64, height=48)
        pictures.pix_fmt = "yuv420p"
        sound = film.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(20):
            shade = np.full((48, 64, 3), 10 * number, np.uint8)
            film.mux(pictures.encode(av.VideoFrame.from_ndarray(shade, "rgb24")))
        whole = np.round(samples * 2**15).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(whole, "s16", "mono")
        frame.sample_rate = RATE
        film.mux(sound.encode(frame))
        film.mux(pictures.encode())
        film.mux(sound.encode())


@pytest.mark.parametrize(
    ("pixels", "signal"),
    [
        (np.full((64, 64, 3), 200, np.uint8), "blank"),
        (np.tile(np.array([255, 0, 90], np.uint8), (8, 8, 1)), "blank"),
        (np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8), "present"),
        (np.stack([np.zeros((8, 8, 3)), np.eye(8)[..., None].repeat(3, 2) * 99]), "present"),
        (np.zeros((4, 8, 8, 3)), "blank"),
    ],
)
def test_pictures_and_films(pixels, signal):
    assert picture_signal(pixels.astype(np.uint8)) == signal


@pytest.mark.parametrize(
    ("points", "signal"),
    [
        (np.zeros((50, 3)), "no_extent"),
        (np.zeros((1, 3)), "no_extent"),
        (np.outer(np.linspace(-1, 1, 50), [1, 2, 3]), "no_extent"),
        (np.eye(3), "no_extent"),
        (np.tile(np.random.default_rng(0).uniform(-1, 1, (9, 3)), (6, 1)), "no_extent"),
        (np.tile(np.random.default_rng(0).uniform(-1, 1, (10, 3)), (6, 1)), "present"),
        (np.random.default_rng(0).uniform(-1, 1, (50, 3)) * [1, 1, 0], "present"),
        (np.random.default_rng(0).uniform(-1, 1, (50, 3)) * [1, 1e-3, 1e-3], "present"),
    ],
)
def test_shapes(points, signal):
    assert shape_signal(points) == signal


def test_the_square_that_is_read_of_a_picture():
    whole = np.full((60, 3000, 3), 200, np.uint8)
    centre = whole[:, 1470:1530]
    assert square_signal(centre, whole) == "blank"
    whole[:, 100] = 0
    assert square_signal(centre, whole) == "blank_centre"
    assert square_signal(whole[:, 70:130], whole) == "present"
    large = np.full((3000, 4000, 3), 200, np.uint8)
    large[:, :1000] = 90
    assert square_signal(large[:, 1500:], large) == "blank_centre"


def line(path):
    path.write_text("".join(f"{t} {2 * t} {3 * t}\n" for t in range(40)))
    return path


def plain_picture(path):
    Image.new("RGB", (320, 240), "navy").save(path)
    return path


def narrow_picture(path):
    rows = np.linspace(0, 255, 5000).astype(np.uint8)
    Image.fromarray(np.repeat(rows[:, None, None], 3, axis=2)).save(path)
    return path


def wide_film(path):
    """A bar at the left of plain frames."""
    frame = np.full((64, 640, 3), 128, np.uint8)
    frame[:, :200] = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 64, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path


def silent_sound(path):
    soundfile.write(path, np.zeros(5 * RATE), RATE)
    return path


def one_sample(path):
    soundfile.write(path, [0.5], RATE)
    return path


FILES = {
    "silent.flac": (silent_sound, "silent"),
    "one.wav": (one_sample, "too_short"),
    "plain.png": (plain_picture, "blank"),
    "narrow.png": (narrow_picture, "blank_centre"),
    "wide.mp4": (wide_film, "blank_centre"),
    "line.xyz": (line, "no_extent"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_record_says_so_and_gives_no_class(run, bundle, tmp_path, name):
    make, signal = FILES[name]
    outcome = run("classify", make(tmp_path / name), "--format", "json")
    assert outcome.exit_code == 0
    (record,) = json.loads(outcome.stdout)
    assert (record["status"], record["signal"], record["predictions"]) == ("ok", signal, [])
    assert record["confident"] is None


def test_inputs_without_a_signal_have_no_label(run, bundle, tmp_path):
    paths = [make(tmp_path / name) for name, (make, _) in FILES.items()]
    assert "Silent: there is nothing to classify." in run("classify", paths[0]).stdout
    narrow = run("classify", paths[3]).stdout
    told = "Blank in its centre square, which is read: there is nothing to classify."
    assert told in " ".join(narrow.split())
    rows = run("classify", *paths).stdout
    assert all(f"({signal})" in rows for signal in ("silent", "blank", "blank centre"))
    assert all(f"({signal})" in rows for signal in ("too short", "no extent"))
    lines = run("classify", *paths, "--format", "labels").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == [""] * len(paths)


def test_silent_windows_do_not_vote(run, bundle, tmp_path):
    path = tmp_path / "late.wav"
    sound = 0.3 * np.random.default_rng(0).standard_normal(8000)
    soundfile.write(path, np.concatenate([np.zeros(4 * 8000), sound]), 8000)
    record = json.loads(run("classify", path, "--format", "jsonl").stdout)
    heard = [s for s in record["segments"] if s["signal"] == "present"]
    silent = [s for s in record["segments"] if s["signal"] == "silent"]
    assert len(heard) >= 1
    assert len(silent) >= 2
    assert all(s["label"] is None and s["score"] is None for s in silent)
    assert record["predictions"][0]["score"] == pytest.approx(
        np.mean([s["score"] for s in heard]), abs=0.01
    )


def test_explaining_silence_is_refused_in_one_line(run, bundle, tmp_path):
    path = silent_sound(tmp_path / "silent.flac")
    outcome = run("explain", path, "-o", tmp_path / "a.png")
    assert outcome.exit_code == 1
    assert "nothing to explain (silent)" in outcome.stderr
    outcome = run("classify", path, make_picture(tmp_path / "b.png"), "--explain", tmp_path / "d")
    assert outcome.exit_code == 0
    assert [each.name for each in (tmp_path / "d").iterdir()] == ["b.png.jpg"]
