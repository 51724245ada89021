"""Inputs that take much memory hold a lock, so that they are decoded one at a time."""

import threading

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media import large_inputs
from perceiver_cli.media.animation import load_animation
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.large_inputs import one_large_input_at_a_time, take_memory
from perceiver_cli.media.pointcloud import load_points
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

MUCH = 2**29
FILM = VideoSpec(frames=2, window_s=2.0, max_windows=1, short_side=32, sound_rate=None)


def test_the_lock_is_held_from_the_first_large_allocation_to_the_end_of_the_input():
    lock = threading.Lock()
    with one_large_input_at_a_time(lock):
        take_memory(MUCH - 1)
        assert not lock.locked()
        take_memory(MUCH)
        take_memory(MUCH)
        assert lock.locked()
    assert not lock.locked()


def test_a_failing_input_gives_it_back():
    lock = threading.Lock()

    def fail():
        with one_large_input_at_a_time(lock):
            take_memory(MUCH)
            raise InputError("corrupt", "cut off")

    with pytest.raises(InputError):
        fail()
    assert not lock.locked()


def test_nothing_happens_outside_of_a_decoder():
    take_memory(MUCH)


def picture(folder):
    return samples.make_picture(folder / "a.png")


def array(folder):
    np.save(folder / "a.npy", np.zeros((30, 3), np.float32))
    return folder / "a.npy"


def shape(folder):
    (folder / "a.xyz").write_text("1 2 3\n4 5 7\n7 8 8\n" * 9)
    return folder / "a.xyz"


def film(folder):
    return samples.make_av(folder / "a.mkv", 1, sound=None)


def animation(folder):
    return samples.make_animation(folder / "a.gif", [100] * 3)


def load(path):
    source = Source(str(path))
    found = detect(source)
    if found.modality == "image":
        load_picture(source, found.format)
    elif found.modality == "pointcloud":
        load_points(source, found.format, 10)
    elif found.format == "gif":
        load_animation(source, found.format, FILM)
    else:
        load_video(source, found.format, FILM)


@pytest.mark.parametrize("make", [picture, array, shape, film, animation])
def test_every_loader_says_what_it_takes(tmp_path, monkeypatch, make):
    path = make(tmp_path)
    lock = threading.Lock()
    with one_large_input_at_a_time(lock):
        load(path)
        assert not lock.locked()
        monkeypatch.setattr(large_inputs, "LARGE_BYTES", 100)
        load(path)
        assert lock.locked()


def test_a_reduced_decode_of_a_photo_takes_little(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (800, 600)).save(path)
    monkeypatch.setattr(large_inputs, "LARGE_BYTES", 800 * 600)
    lock = threading.Lock()
    with one_large_input_at_a_time(lock):
        load_picture(Source(str(path)), "jpeg", at_least=60)
        assert not lock.locked()
        load_picture(Source(str(path)), "jpeg")
        assert lock.locked()
