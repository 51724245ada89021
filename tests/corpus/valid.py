"""A small valid file of every supported kind, to be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import samples


def _silent(path: Path) -> Path:
    return samples.make_av(path, 0.5, sound=None)


def _with_sound(path: Path) -> Path:
    return samples.make_av(path, 0.5)


def _sound_only(path: Path) -> Path:
    return samples.make_av(path, 0.5, pictures=None)


def _gltf(path: Path) -> Path:
    import trimesh

    (text,) = trimesh.creation.box().export(file_type="gltf", embed_buffers=True).values()
    path.write_bytes(text)
    return path


def _array(values: np.ndarray) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        (np.savez if path.suffix == ".npz" else np.save)(path, values)
        return path

    return make


# Ending -> what makes the file; a word before the dot tells files of one ending apart.
MAKERS: dict[str, Callable[[Path], Path]] = {
    **{
        f"{name}": samples.make_picture
        for name in ("jpg", "png", "webp", "bmp", "tiff", "gif", "avif", "ppm")
    },
    **{
        f"moving.{name}": lambda path: samples.make_animation(path, [90] * 3)
        for name in ("gif", "png", "webp")
    },
    **{
        name: lambda path: samples.make_sound(path, 0.5)
        for name in ("wav", "flac", "ogg", "mp3", "aiff", "au", "caf")
    },
    "m4a": lambda path: samples.make_av(path, 0.5, pictures=None, format="mp4"),
    "aac": lambda path: samples.make_av(path, 0.5, pictures=None, format="adts"),
    **dict.fromkeys(("mp4", "mkv", "mov", "ts", "flv"), _with_sound),
    "avi": lambda path: samples.make_av(path, 0.5, pictures="mpeg4", sound="mp3"),
    "silent.mp4": _silent,
    "sound.mkv": _sound_only,
    **dict.fromkeys(("ply", "obj", "stl", "off", "glb"), samples.make_mesh),
    "text.ply": lambda path: samples.make_mesh(path, encoding="ascii"),
    "text.stl": lambda path: samples.make_mesh(path, file_type="stl_ascii"),
    "gltf": _gltf,
    "xyz": samples.make_text_cloud,
    "csv": lambda path: samples.make_text_cloud(path, separator=",", header="x,y,z"),
    "npy": _array(samples.cloud_array()),
    "npz": _array(samples.cloud_array()),
    "picture.npy": _array(samples.picture_array()),
}
