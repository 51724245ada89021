"""`perceiver inspect`: the byte array, compared with known facts of the file."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from perceiver_cli import Classifier
from perceiver_cli.errors import InputError
from perceiver_cli.inference.inspection import inspect_source
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.image import ImageRecipe
from tests.conftest import make_weights
from tests.samples import make_sound, make_sound_with_gap


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.new("RGB", (40, 20), (128, 128, 128)).save(path)
    return Source(str(path))


def test_each_group_of_channels_has_its_own_range(weights, grey):
    found = inspect_source(grey, Classifier(str(weights["image"])))
    recipe = ImageRecipe()
    levels = [(128 / 255 - m) / s for m, s in zip(recipe.mean, recipe.std, strict=True)]
    values, places, waves = found.channels
    assert (values.count, values.stream) == (48, "image")
    assert (values.min, values.max) == (round(min(levels), 4), round(max(levels), 4))
    assert values.mean == pytest.approx(np.mean(levels), abs=1e-4)
    assert (places.count, places.min, places.mean, places.max) == (2, -1, 0, 1)
    assert (waves.count, waves.min, waves.max) == (8, -1, 1)


def test_the_byte_array_in_the_record(weights, grey):
    record = inspect_source(grey, Classifier(str(weights["image"]))).to_dict()
    array = record["byte_array"]
    assert (array["elements"], array["channels"]) == (16, 58)
    assert array["streams"] == {"image": 16}
    assert [group["count"] for group in array["groups"]] == [48, 2, 8]
    assert record["windows"] == [{"left": 10, "top": 0, "width": 20, "height": 20}]


def test_learned_elements_are_counted(grey, tmp_path):
    recipe = ImageRecipe(size=16, patch=4, bands=2)
    path = make_weights(tmp_path / "learned.safetensors", recipe, learned_elements=3)
    found = inspect_source(grey, Classifier(str(path)))
    assert found.elements == {"image": 16, "learned": 3}
    assert found.to_dict()["byte_array"]["elements"] == 19


def test_several_streams_and_their_times(weights, media):
    found = inspect_source(Source(str(media["av"])), Classifier(str(weights["av"])))
    assert set(found.elements) == {"video", "audio"}
    counts = dict.fromkeys(found.elements, 0)
    for group in found.channels:
        counts[group.stream] += group.count
    assert found.width == max(counts.values()) + 1
    (window, *_) = found.windows
    assert len(window["times_s"]) == 4
    assert window["start_s"] == 0


@pytest.mark.parametrize(("name", "up"), [("box.glb", "y"), ("box.ply", "z")])
def test_the_centre_of_a_shape_is_in_the_axes_of_the_file(weights, tmp_path, name, up):
    box = trimesh.creation.box((2.0, 4.0, 6.0))
    box.apply_translation((10.0, 20.0, 30.0))
    box.export(tmp_path / name)
    found = inspect_source(
        Source(str(tmp_path / name)), Classifier(str(weights["pointcloud"]))
    ).to_dict()
    assert found["input"]["up"] == up
    assert found["input"]["extent"] == pytest.approx([2, 4, 6], rel=0.1)
    assert found["windows"][0]["centre"] == pytest.approx([10, 20, 30], abs=1)


def test_a_file_that_cannot_be_classified_says_why(weights, tmp_path):
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="empty"):
        inspect_source(Source(str(tmp_path / "empty.png")), Classifier(str(weights["image"])))


def test_windows_are_those_of_classify(weights, tmp_path):
    source = Source(str(make_sound(tmp_path / "long.wav", 20.0)))
    classifier = Classifier(str(weights["audio"]))
    found = inspect_source(source, classifier)
    segments = classifier.classify(source).segments
    assert [round(w["start_s"], 3) for w in found.windows] == [s["start_s"] for s in segments]
    assert len(segments) > 16
    assert found.windows[0].keys() == {"start_s", "length_s"}


def test_notes_are_those_of_classify_where_a_later_part_cannot_be_read(weights, tmp_path):
    source = Source(str(make_sound_with_gap(tmp_path / "gap.wav", 20, 8.0, 20)))
    classifier = Classifier(str(weights["audio"]))
    found, result = inspect_source(source, classifier), classifier.classify(source)
    assert found.notes == result.notes
    assert result.notes[-1] == "some of it was left out: the sound has no finite samples"
    assert len(found.windows) == len(result.segments) == 16
