"""Folders of ordinary files, generated, for measurements."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

# So many files differ; a larger folder holds copies of them.
DISTINCT = 200

_ENDINGS = {
    "image": ("jpg", "jpg", "jpg", "png", "webp"),
    "audio": ("wav", "flac", "ogg", "mp3"),
    "pointcloud": ("off", "ply", "obj", "stl", "glb"),
}


def make_folder(folder: Path, modality: str, count: int, seed: int = 0) -> list[Path]:
    """`count` files of a modality in several formats, in the order of their names."""
    folder.mkdir(parents=True)
    make = {"image": _picture, "audio": _sound, "pointcloud": _shape}[modality]
    endings = _ENDINGS[modality]
    rng = np.random.default_rng(seed)
    paths: list[Path] = []
    for number in range(count):
        path = folder / f"{number:05}.{endings[number % len(endings)]}"
        if number < DISTINCT:
            make(path, rng)
        else:
            shutil.copyfile(paths[number % DISTINCT], path)
        paths.append(path)
    return paths


def _picture(path: Path, rng: np.random.Generator) -> None:
    """500x375: soft colours with some grain, which compress as photographs do."""
    from PIL import Image

    soft = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((500, 375), 3)
    grain = rng.normal(0, 6, (375, 500, 1))
    Image.fromarray(np.clip(np.asarray(soft) + grain, 0, 255).astype(np.uint8)).save(path)


def _sound(path: Path, rng: np.random.Generator) -> None:
    """4 seconds of stereo at 44.1 kHz: a chord in noise."""
    import soundfile

    time = np.arange(4 * 44100) / 44100
    tones = np.sin(2 * np.pi * np.outer(rng.uniform(100, 2000, 4), time)).sum(0)
    wave = 0.1 * tones + 0.02 * rng.standard_normal(len(time))
    soundfile.write(path, np.stack([wave, wave[::-1]], 1), 44100)


def _shape(path: Path, rng: np.random.Generator) -> None:
    """A bumpy sphere of 5,120 faces."""
    import trimesh

    mesh = trimesh.creation.icosphere(subdivisions=4)
    bumps = np.sin(mesh.vertices @ rng.normal(0, 3, (3, 6))).sum(1)
    mesh.vertices *= (1 + 0.1 * bumps)[:, None] * rng.uniform(0.5, 2, 3)
    mesh.export(path)
