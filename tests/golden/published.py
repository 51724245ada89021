"""Small published classifiers: weights and inputs drawn from seeds, the same wherever they run.

The maker and the tests draw the same values, so only names, shapes and outputs are stored.
"""

from __future__ import annotations

import json

import numpy as np

KINDS = ("fourier", "learned", "conv", "multimodal")
CLASSES = 20
SIDE = {"fourier": 16, "learned": 8, "conv": 32, "multimodal": 8}
FRAMES, FRAME_SAMPLES, PATCH_SAMPLES = 2, 960, 16

Shapes = dict[str, tuple[int, ...]]


def fill(shapes: Shapes, seed: int = 5) -> dict[str, np.ndarray]:
    """float32 weights at a natural scale; norms and biases far enough from 1 and 0 to matter."""
    rng = np.random.default_rng(seed)
    return {name: _drawn(rng, name, shape) for name, shape in sorted(shapes.items())}


def _drawn(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    values = rng.standard_normal(shape)
    if "counter" in name or "num_batches" in name:
        return np.zeros(shape, np.int64)
    if name.endswith(("running_var", "var_ema/average")):
        values = 1 + np.abs(values)
    elif "norm" in name and name.endswith(("weight", "scale")):
        values = 1 + 0.3 * values
    elif name.endswith("/w"):
        values /= np.sqrt(np.prod(shape[:-1]))
    elif name.endswith("weight") and len(shape) > 1:
        values /= np.sqrt(np.prod(shape[1:]))
    elif "latents" not in name and "position" not in name:
        values *= 0.5
    return values.astype(np.float32)


def inputs(kind: str) -> dict[str, np.ndarray]:
    """float32 features: "image" [2, 3, S, S], or "video" [1, 3, T, S, S] and "audio" [1, 1, n]."""
    rng = np.random.default_rng(7)
    side = SIDE[kind]
    if kind != "multimodal":
        return {"image": rng.standard_normal((2, 3, side, side)).astype(np.float32)}
    return {
        "video": rng.random((1, 3, FRAMES, side, side)).astype(np.float32),
        "audio": rng.uniform(-1, 1, (1, 1, FRAMES * FRAME_SAMPLES)).astype(np.float32),
    }


def picture() -> np.ndarray:
    """uint8 [61, 84, 3]: smooth ground with noise, an odd margin on one side."""
    rng = np.random.default_rng(9)
    y, x = np.mgrid[0:61, 0:84]
    waves = [np.sin(x / 7 + k) * np.cos(y / (5 + k)) for k in range(3)]
    noise = rng.normal(0, 25, (61, 84, 3))
    return np.clip(128 + 90 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def pack(shapes: Shapes) -> np.ndarray:
    """Names and shapes as an array that npz keeps."""
    return np.asarray(json.dumps({name: list(shape) for name, shape in shapes.items()}))


def unpack(packed: np.ndarray) -> Shapes:
    """What `pack` was given."""
    return {name: tuple(shape) for name, shape in json.loads(str(packed)).items()}
