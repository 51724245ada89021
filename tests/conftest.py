"""Tiny untrained weights of every modality, real files for them, and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests import samples

os.environ.setdefault("OMP_NUM_THREADS", "1")

CLASSES = ("cat", "dog", "teapot", "violin", "wave", "zebra, with stripes")

# Group and kind.
WIDER = {"cat": ("pet", "animal"), "dog": ("pet", "animal"), "zebra, with stripes": ("", "animal")}


def make_weights(
    path: Path, recipe, temperature: float = 1.0, classes=CLASSES, **sizes: int
) -> Path:
    """A Perceiver with random weights (the same every time) for an input recipe.

    sizes: the PerceiverConfig's; by default they are small.
    """
    import torch

    from perceiver_cli.adapters import build_adapter
    from perceiver_cli.checkpoints.format import Checkpoint, Header, Label, save_checkpoint
    from perceiver_cli.model.config import PerceiverConfig
    from perceiver_cli.model.perceiver import Perceiver

    values = asdict(recipe)
    config = PerceiverConfig(
        streams=build_adapter(values).streams,
        classes=len(classes),
        **({"latents": 8, "width": 16, "layers": 1, "self_heads": 2} | sizes),
    )
    torch.manual_seed(0)
    header = Header(
        name=path.stem,
        model=config,
        recipe=values,
        labels=[Label(f"n{i:02}", label, *WIDER.get(label, ())) for i, label in enumerate(classes)],
        temperature=temperature,
        card={
            "data": "nothing: these weights are random",
            "licence": "CC0",
            "measured": {"val": {"items": 1200, "top1": 0.125, "top5": 0.5, "ece": 0.031}},
            "notes": ["only good for tests"],
        },
    )
    save_checkpoint(path, Checkpoint(header, Perceiver(config).state_dict()))
    return path


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plain-products",
        action="store_true",
        help="run as on a processor that has none of the products of kernels.Kernels",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips tests that need a CUDA device if there is none."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))


@pytest.fixture(autouse=True)
def plain_products(request, monkeypatch) -> None:
    """With --plain-products, no special products are found on the processor."""
    if request.config.getoption("--plain-products"):
        from perceiver_cli.model.quantization import kernels

        monkeypatch.setattr(kernels, "available", kernels.Kernels)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch) -> Path:
    """Hides pulled weights and chosen defaults of the user."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PERCEIVER_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> dict[str, Path]:
    """Modality -> checkpoint. All are always unsure, except the sound model, which never is."""
    from perceiver_cli.preparation.audio import AudioRecipe
    from perceiver_cli.preparation.image import ImageRecipe
    from perceiver_cli.preparation.pointcloud import PointCloudRecipe
    from perceiver_cli.preparation.video import VideoRecipe

    folder = tmp_path_factory.mktemp("weights")
    sound = AudioRecipe(rate=8000, window_s=1.0, mels=16, bands=2)
    video = VideoRecipe(frames=4, window_s=1.0, size=16, patch=4, bands=2, audio=sound)
    av = make_weights(folder / "tiny-av.safetensors", video, 10.0)
    return {
        "image": make_weights(
            folder / "tiny-image.safetensors", ImageRecipe(size=16, patch=4, bands=2), 10.0
        ),
        "audio": make_weights(folder / "tiny-audio.safetensors", sound, 1e-4),
        "pointcloud": make_weights(
            folder / "tiny-pointcloud.safetensors", PointCloudRecipe(points=64, bands=2), 10.0
        ),
        "video": av,
        "av": av,
    }


@pytest.fixture
def bundle(weights, monkeypatch) -> Path:
    """Replaces the bundled weights by the tiny ones in this process."""
    from perceiver_cli.checkpoints import registry

    folder = weights["image"].parent
    names = {modality: path.stem for modality, path in weights.items()}
    monkeypatch.setattr(registry, "bundled_folder", lambda: folder)
    monkeypatch.setattr(registry, "bundled_defaults", lambda: names)
    registry.defaults.cache_clear()
    yield folder
    registry.defaults.cache_clear()


@pytest.fixture(scope="session")
def media(tmp_path_factory) -> dict[str, Path]:
    """One real file of each modality."""
    folder = tmp_path_factory.mktemp("media")
    return {
        "image": samples.make_picture(folder / "photo.jpg", 451, 300),
        "audio": samples.make_sound(folder / "clip.wav", 2.5, 22050, 2),
        "pointcloud": samples.make_mesh(folder / "box.ply"),
        "video": samples.make_av(folder / "silent.mp4", 1.0, sound=None),
        "av": samples.make_av(folder / "talk.mp4", 1.0),
    }


@pytest.fixture
def run() -> Callable:
    """run(*arguments, input=bytes) -> the command's outcome, in this process."""
    from perceiver_cli.cli import app

    def call(*arguments, input: bytes | None = None):
        outcome = CliRunner().invoke(app, [str(a) for a in arguments], input=input)
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        return outcome

    return call


@pytest.fixture
def perceiver() -> Callable:
    """perceiver(*arguments, ...) -> a finished process, for what needs real streams."""

    def call(*arguments, env: dict[str, str] | None = None, **options):
        return subprocess.run(
            [sys.executable, "-m", "perceiver_cli", *map(os.fspath, arguments)],
            capture_output=True,
            env=os.environ | (env or {}),
            timeout=60,
            check=False,
            **options,
        )

    return call
