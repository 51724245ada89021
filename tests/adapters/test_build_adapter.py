from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from perceiver_cli.adapters import build_adapter
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.pointcloud import PointCloudRecipe
from perceiver_cli.preparation.video import VideoRecipe


@pytest.mark.parametrize(
    "recipe",
    [
        ImageRecipe(size=32, mean=(0.1, 0.2, 0.3), spacing="log"),
        AudioRecipe(rate=22050, mels=32),
        PointCloudRecipe(points=10),
        VideoRecipe(audio=AudioRecipe(mels=32)),
        VideoRecipe(audio=None),
    ],
)
def test_a_recipe_survives_json(recipe):
    adapter = build_adapter(json.loads(json.dumps(asdict(recipe))))
    assert adapter.recipe == recipe
    assert adapter.modality == recipe.modality
    assert build_adapter(asdict(replace(adapter.recipe))).streams == adapter.streams


@pytest.mark.parametrize("values", [{}, *({"modality": m} for m in ("smell", None, ["image"]))])
def test_an_unknown_modality_is_an_error(values):
    with pytest.raises(ValueError, match="unknown modality"):
        build_adapter(values)


def test_a_recipe_that_is_no_object_is_an_error():
    with pytest.raises(ValueError, match="the input recipe must be an object, not 5"):
        build_adapter(5)


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="unknown input settings: colour, tiles"):
        build_adapter({"modality": "image", "tiles": 3, "colour": "red"})
    with pytest.raises(ValueError, match=r"unknown input settings: audio\.loudness"):
        build_adapter({"modality": "av", "audio": {"loudness": 3}})


@pytest.mark.parametrize("recipe", [ImageRecipe, AudioRecipe, PointCloudRecipe, VideoRecipe])
def test_every_setting_is_checked(recipe):
    values = asdict(recipe())
    for name in set(values) - {"modality"}:
        for wrong in ("linaer", -1, [1]):
            with pytest.raises(ValueError, match=f"input setting {name} must be "):
                build_adapter(values | {name: wrong})
