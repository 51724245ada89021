"""Adapters: natural arrays to byte arrays with position features, and back."""

from __future__ import annotations

from collections.abc import Callable
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
from perceiver_cli.settings import read_settings

_KINDS: dict[str, tuple[type, Callable[[Any], Adapter]]] = {
    "image": (ImageRecipe, ImageAdapter),
    "audio": (AudioRecipe, sound_adapter),
    "pointcloud": (PointCloudRecipe, PointCloudAdapter),
    "av": (VideoRecipe, VideoAdapter),
}


def build_adapter(values: dict[str, Any]) -> Adapter:
    """The adapter for a recipe as a checkpoint keeps it.

    values: {"modality": "image"|"audio"|"pointcloud"|"av", ...settings of that recipe}.
    Raises ValueError, in one line, on an unknown modality or a setting that is unknown or wrong.
    """
    if not isinstance(values, dict):
        raise ValueError(f"the input recipe must be an object, not {values!r}")
    modality = values.get("modality")
    if not isinstance(modality, str) or modality not in _KINDS:
        raise ValueError(f"unknown modality in the input recipe: {modality!r}")
    recipe, adapter = _KINDS[modality]
    return adapter(read_settings(recipe, values, "input"))
