"""Adapters: natural arrays to byte arrays with position features, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.adapters.pointcloud import PointCloudAdapter
from perceiver_cli.adapters.samples import sound_adapter
from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.pointcloud import PointCloudRecipe
from perceiver_cli.preparation.video import VideoRecipe

_KINDS: dict[str, tuple[type, Callable[[Any], Adapter]]] = {
    "image": (ImageRecipe, ImageAdapter),
    "audio": (AudioRecipe, sound_adapter),
    "pointcloud": (PointCloudRecipe, PointCloudAdapter),
    "av": (VideoRecipe, VideoAdapter),
}


def build_adapter(values: dict[str, Any]) -> Adapter:
    """The adapter for a recipe as a checkpoint keeps it.

    values: {"modality": "image"|"audio"|"pointcloud"|"av", ...settings of that recipe}.
    Raises ValueError on an unknown modality or setting.
    """
    modality = values.get("modality")
    if modality not in _KINDS:
        raise ValueError(f"unknown modality in the input recipe: {modality!r}")
    recipe, adapter = _KINDS[modality]
    return adapter(_read_recipe(recipe, values))


def _read_recipe(kind: type, values: dict[str, Any]) -> Any:
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown input settings: {', '.join(unknown)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if isinstance(values.get("audio"), dict):
        values["audio"] = _read_recipe(AudioRecipe, values["audio"])
    return kind(**values)
