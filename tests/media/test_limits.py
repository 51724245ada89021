"""Environment variables change the limits, in decoding processes too."""

import os

import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.animation import load_animation
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec, VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples
from tests.media.test_camera_films import film


@pytest.mark.parametrize("number", [1, 5])
def test_a_lower_limit_refuses_more(perceiver, weights, media, number):
    call = ["classify", *[media["image"]] * number, "--model", weights["image"]]
    outcome = perceiver(*call, env={"PERCEIVER_MAX_PIXELS": "135299"})
    assert outcome.returncode == 1
    told = outcome.stderr.decode().splitlines()
    assert told[0].endswith(
        "a picture of 451 x 300: at most 135,299 pixels are read "
        "(PERCEIVER_MAX_PIXELS changes that)"
    )


def test_a_limit_that_makes_no_sense_is_wrong_usage(perceiver, media):
    outcome = perceiver("classify", media["image"], env={"PERCEIVER_MAX_PIXELS": "many"})
    assert outcome.returncode == 2
    assert b"PERCEIVER_MAX_PIXELS must be a positive integer (got many)" in outcome.stderr


def test_a_pipe_without_end_is_refused(perceiver, weights):
    with open("/dev/zero", "rb") as zeros:
        outcome = perceiver(
            *("classify", "-", "--model", weights["image"]),
            env={"PERCEIVER_MAX_PIPE_BYTES": "1000"},
            stdin=zeros,
        )
    assert outcome.returncode == 1
    assert b"standard input: too much data in a pipe: at most 1,000 bytes" in outcome.stderr


def test_inspect_does_not_read_a_pipe_to_its_end(perceiver, weights, tmp_path):
    long = tmp_path / "zeros"
    long.write_bytes(bytes(2**22))
    with open(long, "rb") as zeros:
        outcome = perceiver(
            *("inspect", "-", "--model", weights["image"]),
            env={"PERCEIVER_MAX_PIPE_BYTES": "1000"},
            stdin=zeros,
        )
        # The process shares the position of the open file.
        assert zeros.seek(0, os.SEEK_CUR) < 2**22
    assert outcome.returncode == 1
    assert b"too much data in a pipe: at most 1,000 bytes" in outcome.stderr


@pytest.mark.parametrize(("suffix", "share"), [("gif", 0.5), ("png", 0.5), ("avif", 10 / 52)])
def test_animations_may_be_less_large(tmp_path, monkeypatch, suffix, share):
    path = samples.make_animation(tmp_path / f"a.{suffix}", [100] * 3)
    spec = VideoSpec(frames=2, window_s=1.0, max_windows=1, short_side=32, sound_rate=None)
    for spare in (5, -5):
        most = int(64 * 48 / share) + spare
        monkeypatch.setattr("perceiver_cli.media.pixels.MAX_PIXELS", most)
        monkeypatch.setattr("perceiver_cli.media.pillow.MAX_PIXELS", most)
        if spare > 0:
            load_animation(Source(str(path)), suffix, spec)
            continue
        with pytest.raises(InputError) as caught:
            load_animation(Source(str(path)), suffix, spec)
        assert caught.value.kind == "too_large"


def test_frames_beyond_the_limit_are_left_out(tmp_path, monkeypatch):
    path = samples.make_animation(tmp_path / "a.gif", [100] * 3)
    spec = VideoSpec(frames=2, window_s=1.0, max_windows=1, short_side=32, sound_rate=None)
    monkeypatch.setattr("perceiver_cli.media.animation.MAX_FRAMES", 2)
    monkeypatch.setattr("perceiver_cli.media.limits.MAX_FRAMES", 2)
    (told,) = load_animation(Source(str(path)), "gif", spec).notes
    limit = "at most 2 frames are read (PERCEIVER_MAX_FRAMES changes that)"
    assert told == f"an animation of 3 frames: {limit}"


@pytest.mark.parametrize("name", ["a.ogg", "a.wav", "a.mp3"])
def test_rates_beyond_the_limit(tmp_path, monkeypatch, name):
    source = Source(str(samples.make_sound(tmp_path / name, 0.5)))
    for module in ("limits", "containers", "samplebuffer"):
        monkeypatch.setattr(f"perceiver_cli.media.{module}.MAX_RATE", 100)
    with pytest.raises(InputError) as caught:
        load_sound(source, detect(source).format, SoundSpec(16000, 2.0, 3))
    assert caught.value.kind == "too_large"
    assert caught.value.message == (
        "22,050 x 1 samples a second: at most 100 samples a second are read "
        "(PERCEIVER_MAX_RATE changes that)"
    )


@pytest.mark.parametrize(
    ("codec", "pixels", "bytes_a_pixel"),
    [
        ("mpeg4", "yuv420p", 39),
        ("libx264", "yuv420p", 29 * 1.5),
        ("libx264", "yuv420p10le", 29 * 3),
        ("libx265", "yuv444p10le", 12 * 6),
        ("libsvtav1", "yuv420p", 39),
        ("libsvtav1", "yuv420p10le", 14 * 3),
    ],
)
def test_films_may_be_less_large(tmp_path, monkeypatch, codec, pixels, bytes_a_pixel):
    source = film(tmp_path / "a.mp4", codec, pixels, None)
    spec = VideoSpec(frames=2, window_s=1.0, max_windows=1, short_side=32, sound_rate=None)
    least = 5 * 96 * 64 * bytes_a_pixel / 39
    monkeypatch.setattr("perceiver_cli.media.video.MAX_PIXELS", int(least) + 6)
    load_video(source, "mp4", spec)
    monkeypatch.setattr("perceiver_cli.media.video.MAX_PIXELS", int(least) - 6)
    with pytest.raises(InputError) as caught:
        load_video(source, "mp4", spec)
    assert caught.value.kind == "too_large"
