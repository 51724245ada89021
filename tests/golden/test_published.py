"""Converted checkpoints, compared with transformers and DeepMind's source on the same files.

README.md says how the arrays were made.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.checkpoints.building import build_model
from perceiver_cli.checkpoints.format import Checkpoint
from perceiver_cli.checkpoints.published.convert import convert
from perceiver_cli.media.types import Picture
from perceiver_cli.preparation.image import ImageRecipe
from tests.golden.published import (
    FRAME_SAMPLES,
    FRAMES,
    KINDS,
    PATCH_SAMPLES,
    SIDE,
    fill,
    inputs,
    picture,
    unpack,
)
from tests.windows import windows_of

# The source's Fourier features are rounded at other places than torch's.
PORT_BOUND, SOURCE_BOUND = 1e-5, 1e-4


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "published.npz") as arrays:
        return dict(arrays)


def write_port(folder: Path, golden: dict[str, np.ndarray], kind: str, *, legacy: bool) -> Path:
    """The transformers layout of a small classifier."""
    folder.mkdir()
    weights = fill(unpack(golden[f"port/{kind}/shapes"]))
    tensors = {name: torch.from_numpy(x) for name, x in weights.items()}
    if legacy:
        torch.save(tensors, folder / "pytorch_model.bin")
    else:
        save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(str(golden[f"port/{kind}/settings"]))
    return folder


def write_source(path: Path, golden: dict[str, np.ndarray], kind: str, protocol: int) -> Path:
    """The pickle of DeepMind's release: nested dicts of arrays."""
    tree: dict = {}
    for name, array in fill(unpack(golden[f"source/{kind}/shapes"])).items():
        part, _, rest = name.partition("/")
        module, _, leaf = rest.rpartition("/")
        tree.setdefault(part, {}).setdefault(module, {})[leaf] = array
    tree.setdefault("state", {})
    path.write_bytes(pickle.dumps(tree, protocol))
    return path


def small(checkpoint: Checkpoint, kind: str, blocks: int) -> Checkpoint:
    """With the sizes that DeepMind's files do not say, as small as the golden ones."""
    header = checkpoint.header
    recipe = dict(header.recipe)
    if kind == "multimodal":
        side, samples = SIDE[kind] // 4, FRAMES * FRAME_SAMPLES
        sound = {"window_s": samples / 48000, "highest": samples / 2}
        sound["patch_samples"] = PATCH_SAMPLES
        recipe |= {
            "frames": FRAMES,
            "size": SIDE[kind],
            "highest": (FRAMES / 2, side / 2, side / 2),
            "audio": recipe["audio"] | sound,
        }
    else:
        recipe["size"] = SIDE[kind]
    model = replace(header.model, repeats=blocks)
    return replace(checkpoint, header=replace(header, recipe=recipe, model=model))


def logits(checkpoint: Checkpoint, kind: str) -> np.ndarray:
    model = build_model(checkpoint, "golden")
    adapter = build_adapter(checkpoint.header.recipe)
    features = {name: torch.from_numpy(x) for name, x in inputs(kind).items()}
    with torch.inference_mode():
        return model(adapter.with_positions(features)).numpy()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_port_is_met(golden, tmp_path, kind, legacy):
    folder = write_port(tmp_path / "port", golden, kind, legacy=legacy)
    checkpoint = convert(folder, kind)
    blocks = 1 if kind == "multimodal" else 2
    found = logits(small(checkpoint, kind, blocks), kind)
    expected = golden[f"port/{kind}/logits"]
    assert np.abs(found - expected).max() < PORT_BOUND
    assert expected.std() > 0.3


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_the_source_is_met(golden, tmp_path, kind, protocol):
    path = write_source(tmp_path / "weights.pystate", golden, kind, protocol)
    checkpoint = convert(path, kind)
    blocks = 1 if kind == "multimodal" else 2
    found = logits(small(checkpoint, kind, blocks), kind)
    expected = golden[f"source/{kind}/logits"]
    assert np.abs(found - expected).max() < SOURCE_BOUND
    assert expected.std() > 0.3


def prepared(**settings) -> np.ndarray:
    pixels = picture()
    height, width = pixels.shape[:2]
    adapter = ImageAdapter(ImageRecipe(size=28, crop=28 / 32, crop_first=True, **settings))
    return windows_of(adapter, Picture(pixels, width, height))[0].arrays["image"]


def test_the_ports_pixels(golden):
    found = prepared(resample="bicubic")
    assert np.array_equal(found, golden["port/pixels"])


def test_the_sources_pixels(golden):
    found = prepared(resample="cubic", round_up=True).astype(int)
    # OpenCV rounds its weights to 11 bits.
    assert np.abs(found - golden["source/pixels"]).max() <= 1
    assert np.abs(found - golden["port/pixels"]).max() > 8


def test_settings_are_kept_in_the_checkpoint(golden, tmp_path):
    port = convert(write_port(tmp_path / "port", golden, "conv", legacy=False), "c").header
    source = convert(write_source(tmp_path / "c.pystate", golden, "conv", 5), "c").header
    assert (port.model.gelu, source.model.gelu) == ("erf", "tanh")
    assert (port.recipe["windows"], source.recipe["windows"]) == ("valid", "same")
    assert (port.recipe["resample"], source.recipe["resample"]) == ("bicubic", "cubic")
    assert any("port" in note for note in port.card["notes"])
    assert any("source" in note for note in source.card["notes"])
    json.dumps(source.card)
