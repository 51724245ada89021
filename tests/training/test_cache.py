import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.training.data.cache import fingerprint, open_cache, write_cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import read_folder
from perceiver_cli.training.data.usage import ClassUsage, LeftOut, usage_by_class
from tests.samples import make_picture, make_sound


@pytest.fixture
def pictures(tmp_path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            make_picture(tmp_path / "data" / name / f"{number}.png")
    (tmp_path / "data" / "a" / "notes.txt").write_text("not a picture")
    return tmp_path / "data"


def test_files_are_decoded_once(pictures, tmp_path):
    folder, recipe = read_folder(pictures, "train"), ImageRecipe()
    calls = []
    cache = load_or_decode(
        tmp_path / "cache", folder, recipe, lambda done, total: calls.append(done)
    )
    assert cache.streams["image"].shape == (6, 64, 64, 3)
    assert cache.classes.tolist() == [0, 0, 0, 1, 1, 1]
    (notes,) = cache.left_out
    assert (notes.class_index, notes.kind) == (0, "passed_over")
    assert notes.path.endswith("notes.txt")
    assert calls == list(range(1, 8))
    again = load_or_decode(tmp_path / "cache", folder, recipe, lambda done, total: calls.append(0))
    assert 0 not in calls
    np.testing.assert_array_equal(again.streams["image"], cache.streams["image"])
    assert again.left_out == cache.left_out


def test_a_changed_file_or_recipe_decodes_anew(pictures):
    folder, recipe = read_folder(pictures, "train"), ImageRecipe()
    before = fingerprint(folder, recipe)
    assert fingerprint(folder, ImageRecipe(size=32)) != before
    make_picture(pictures / "a" / "0.png", width=80)
    assert fingerprint(folder, recipe) != before
    assert fingerprint(replace(folder, files=folder.files[1:]), recipe) != before


def test_items_may_lack_a_stream(tmp_path):
    both = {"video": np.ones((2, 4), np.uint8), "audio": np.ones(8, np.float32)}
    windows = [Window({"video": both["video"]}), Window(both), Window({"audio": both["audio"]})]
    written = ((i, 0, [w]) for i, w in enumerate(windows))
    write_cache(tmp_path / "c", "key", written, [])
    cache = open_cache(tmp_path / "c", "key")
    assert cache.present["video"].tolist() == [True, True, False]
    assert cache.present["audio"].tolist() == [False, True, True]
    assert cache.streams["video"].sum((1, 2)).tolist() == [8, 8, 0]
    assert cache.streams["audio"].sum(1).tolist() == [0, 8, 8]
    assert open_cache(tmp_path / "c", "another key") is None


def test_an_index_of_another_version_is_not_used(tmp_path):
    write_cache(tmp_path / "c", "key", [], [LeftOut("a.png", 0, "broken", "why")])
    index = json.loads((tmp_path / "c" / "index.json").read_text())
    index["left_out"][0]["unheard_of"] = 1
    (tmp_path / "c" / "index.json").write_text(json.dumps(index))
    assert open_cache(tmp_path / "c", "key") is None


def test_what_is_left_out_and_why(pictures, tmp_path):
    whole = (pictures / "b" / "0.png").read_bytes()
    (pictures / "b" / "half.png").write_bytes(whole[:60])
    (pictures / "b" / "nothing.png").touch()
    (pictures / "b" / "raw.cr3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    (pictures / "b" / "loop.png").symlink_to("loop.png")
    make_sound(pictures / "b" / "bark.wav", 0.2)
    folder, recipe = read_folder(pictures, "train"), ImageRecipe()
    cache = load_or_decode(tmp_path / "cache", folder, recipe, lambda done, total: None)
    kinds = {Path(entry.path).name: entry.kind for entry in cache.left_out}
    assert kinds == {
        "notes.txt": "passed_over",
        "nothing.png": "passed_over",
        "half.png": "broken",
        "raw.cr3": "broken",
        "loop.png": "broken",
        "bark.wav": "other_modality",
    }
    used = [folder.files[i][1] for i in np.unique(cache.files)]
    usage = usage_by_class(folder.labels, used, [], cache.left_out)
    assert usage == [ClassUsage("a", 3, 0, 1, 0), ClassUsage("b", 3, 0, 2, 3)]


@pytest.mark.parametrize("decoded_before", [False, True])
def test_fail_fast_stops_at_the_first_broken_file(pictures, tmp_path, decoded_before):
    for name in ("y.png", "z.png"):
        (pictures / "b" / name).write_bytes((pictures / "b" / "0.png").read_bytes()[:60])
    folder, recipe = read_folder(pictures, "train"), ImageRecipe()
    if decoded_before:
        load_or_decode(tmp_path / "cache", folder, recipe, lambda done, total: None)
    with pytest.raises(InputError, match=r"y\.png: the PNG data"):
        load_or_decode(tmp_path / "cache", folder, recipe, lambda done, total: None, fail_fast=True)
