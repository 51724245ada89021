"""Damaged files are loaded, or refused with one clear InputError."""

import random
from contextlib import suppress

import numpy as np
import pytest

from perceiver_cli.detect import detect
from perceiver_cli.errors import InputError
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.recipes import preparation_for
from tests import samples

SOUND = {"modality": "audio", "window_s": 0.2, "max_windows": 3}
VIDEO = {"modality": "av", "frames": 3, "window_s": 0.2, "max_windows": 2, "size": 16}
PREPARATIONS = {
    "image": preparation_for({"modality": "image", "size": 16}),
    "audio": preparation_for(SOUND),
    "pointcloud": preparation_for({"modality": "pointcloud", "points": 100}),
    "video": preparation_for(VIDEO | {"audio": None}),
    "av": preparation_for(VIDEO | {"audio": SOUND}),
}

PICTURES = ("jpg", "png", "webp", "bmp", "tiff", "gif", "avif")
SOUNDS = ("wav", "flac", "ogg", "mp3", "aiff")

MAKERS = {
    **{f"a.{e}": samples.make_picture for e in PICTURES},
    **{f"b.{e}": lambda p: samples.make_animation(p, [90] * 3) for e in ("gif", "png", "webp")},
    **{f"c.{e}": lambda p: samples.make_sound(p, 0.5) for e in SOUNDS},
    **{f"d.{e}": lambda p: samples.make_av(p, 0.5) for e in ("mp4", "mkv", "ts", "flv")},
    "d.aac": lambda p: samples.make_av(p, 0.5, pictures=None, format="adts"),
    **{f"e.{e}": samples.make_mesh for e in ("ply", "obj", "stl", "off", "glb")},
    "f.xyz": samples.make_text_cloud,
    "g.npy": lambda p: np.save(p, samples.cloud_array()) or p,
    "g.npz": lambda p: np.savez(p, samples.cloud_array()) or p,
}


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut off somewhere, or with some bytes changed, mostly in the header."""
    if rng.random() < 0.4:
        return content[: rng.randrange(1, len(content))]
    changed = bytearray(content)
    reach = rng.choice([len(content), min(len(content), 400)])
    for _ in range(rng.choice([1, 3, 30])):
        changed[rng.randrange(reach)] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", MAKERS)
def test_damage_is_survived(tmp_path, name, capfd):
    content = MAKERS[name](tmp_path / name).read_bytes()
    rng = random.Random(name)
    for _ in range(12):
        source = Source(name, damaged(content, rng))
        with suppress(InputError):
            detection = detect(source)
            PREPARATIONS[detection.modality].load(source, detection.format)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", MAKERS)
def test_undamaged_files_load(tmp_path, name):
    source = Source(str(MAKERS[name](tmp_path / name)))
    detection = detect(source)
    PREPARATIONS[detection.modality].load(source, detection.format)
