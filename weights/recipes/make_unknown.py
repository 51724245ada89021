"""Makes synthetic shapes, primitives and synthetic sounds, of none of the classes.

    python make_unknown.py unknown_shapes/ unknown_sounds/

200 of each, the same ones each time, in unknown_shapes/made_up, unknown_shapes/primitives and
unknown_sounds/, for `perceiver evaluate --unknown DIR`.
"""

import argparse
from itertools import combinations, product
from pathlib import Path

import numpy as np
import soundfile
import trimesh

RATE, SAMPLES, POINTS, COUNT = 16000, 48000, 1024, 200


def made_up_shape(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Points of a cloud, a box full of points, a random walk or lumps."""
    if kind == "cloud":
        return rng.normal(size=(POINTS, 3))
    if kind == "box":
        return rng.uniform(-1, 1, (POINTS, 3))
    if kind == "walk":
        return np.cumsum(rng.normal(size=(POINTS, 3)), 0)
    centres = rng.uniform(-1, 1, (8, 3))
    return centres[rng.integers(0, 8, POINTS)] + 0.1 * rng.normal(size=(POINTS, 3))


def primitive(kind: str, rng: np.random.Generator) -> trimesh.Trimesh:
    """A body of geometry, stretched along each axis."""
    create = trimesh.creation
    meshes = {
        "ball": lambda: create.icosphere(3),
        "torus": lambda: create.torus(1.0, rng.uniform(0.1, 0.5)),
        "cylinder": lambda: create.cylinder(0.5, 1.0),
        "capsule": lambda: create.capsule(1.0, 0.4),
        "ring": lambda: create.annulus(rng.uniform(0.3, 0.8), 1.0, 0.4),
        "tetrahedron": lambda: trimesh.Trimesh(
            [[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], list(combinations(range(4), 3))
        ),
        # A face has one end of each axis.
        "octahedron": lambda: trimesh.Trimesh(
            np.vstack([np.eye(3), -np.eye(3)]), list(product((0, 3), (1, 4), (2, 5)))
        ),
        "prism": lambda: create.cylinder(0.5, 1.0, sections=int(rng.choice([3, 5, 6]))),
    }
    mesh = meshes[kind]()
    mesh.apply_scale(rng.uniform(0.5, 1.5, 3))
    mesh.apply_transform(trimesh.transformations.random_rotation_matrix(rng.random(3)))
    return mesh


def made_up_sound(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Noise, tones, sweeps or trains of clicks: mono samples."""
    seconds = np.arange(SAMPLES) / RATE
    if kind == "white":
        return rng.normal(size=SAMPLES)
    if kind == "coloured":
        spectrum = np.fft.rfft(rng.normal(size=SAMPLES))
        falling = np.maximum(1, np.arange(len(spectrum))) ** rng.uniform(0.3, 1.2)
        return np.fft.irfft(spectrum / falling)
    if kind == "tones":
        return sum(
            np.sin(2 * np.pi * rng.uniform(100, 5000) * seconds + rng.uniform(0, 6))
            for _ in range(rng.integers(1, 4))
        )
    if kind == "clicks":
        train = np.zeros(SAMPLES)
        train[:: int(rng.integers(40, 4000))] = 1.0
        return train
    base = rng.uniform(200, 4000)
    wobble = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.2, 20) * seconds)
    return np.sin(2 * np.pi * np.cumsum(base * wobble) / RATE)


SHAPES = ("cloud", "box", "walk", "lumps")
PRIMITIVES = ("ball", "torus", "cylinder", "capsule", "ring", "tetrahedron", "octahedron", "prism")
SOUNDS = ("white", "coloured", "tones", "sweep", "clicks")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", type=Path)
    parser.add_argument("sounds", type=Path)
    call = parser.parse_args()
    rng = np.random.default_rng(0)
    for folder in (call.shapes / "made_up", call.shapes / "primitives", call.sounds):
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(COUNT):
        kind = SHAPES[number % len(SHAPES)]
        points = made_up_shape(kind, rng).astype(np.float32)
        np.save(call.shapes / "made_up" / f"{kind}_{number:03}.npy", points)
        kind = PRIMITIVES[number % len(PRIMITIVES)]
        primitive(kind, rng).export(call.shapes / "primitives" / f"{kind}_{number:03}.ply")
        kind = SOUNDS[number % len(SOUNDS)]
        wave = made_up_sound(kind, rng)
        loud = (0.3 * wave / np.abs(wave).max()).astype(np.float32)
        soundfile.write(call.sounds / f"{kind}_{number:03}.flac", loud, RATE)
