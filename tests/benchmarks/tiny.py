"""Runs the command in a subprocess with tiny random weights instead of the bundled ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import make_weights

_DEFAULTS = {kind: f"tiny-{kind}" for kind in ("image", "audio", "pointcloud", "av")}
_DEFAULTS["video"] = _DEFAULTS["av"]


def make_bundle(folder: Path) -> Path:
    """Small weights for every modality, otherwise like the real ones."""
    from perceiver_cli.preparation.audio import AudioRecipe
    from perceiver_cli.preparation.image import ImageRecipe
    from perceiver_cli.preparation.pointcloud import PointCloudRecipe
    from perceiver_cli.preparation.video import VideoRecipe

    folder.mkdir()
    sound = AudioRecipe(rate=8000, window_s=1.0, mels=16, bands=2)
    recipes = {
        "image": ImageRecipe(size=16, patch=4, bands=2),
        "audio": sound,
        "pointcloud": PointCloudRecipe(points=64, bands=2),
        "av": VideoRecipe(frames=4, window_s=1.0, size=16, patch=4, bands=2, audio=sound),
    }
    for kind, recipe in recipes.items():
        make_weights(folder / f"tiny-{kind}.safetensors", recipe)
    return folder


def start(bundle: Path, *arguments: str, **options: Any) -> subprocess.Popen:
    """perceiver ARGUMENTS... as a process; options: Popen's."""
    code = (
        f"import sys, pathlib; sys.argv = {['perceiver', *arguments]!r}\n"
        "from perceiver_cli.checkpoints import registry\n"
        f"registry.bundled_folder = lambda: pathlib.Path({str(bundle)!r})\n"
        f"registry.bundled_defaults = lambda: {_DEFAULTS!r}\n"
        "from perceiver_cli.cli import main; main()"
    )
    return subprocess.Popen([sys.executable, "-c", code], **options)
