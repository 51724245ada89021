from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli.adapters import build_adapter
from perceiver_cli.errors import UsageError
from perceiver_cli.preparation.base import Window
from perceiver_cli.training.data.cache import fingerprint, open_cache, write_cache
from perceiver_cli.training.data.decode import cached
from perceiver_cli.training.data.folder import read_folder
from tests.samples import make_picture


@pytest.fixture
def pictures(tmp_path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            make_picture(tmp_path / "data" / name / f"{number}.png")
    (tmp_path / "data" / "a" / "notes.txt").write_text("not a picture")
    return tmp_path / "data"


def test_files_are_decoded_once(pictures, tmp_path):
    folder, adapter = read_folder(pictures, "train"), build_adapter({"modality": "image"})
    told = []
    cache = cached(tmp_path / "cache", folder, adapter, lambda done, total: told.append(done))
    assert cache.streams["image"].shape == (6, 64, 64, 3)
    assert cache.classes.tolist() == [0, 0, 0, 1, 1, 1]
    assert cache.skipped == 1
    assert told == list(range(1, 8))
    again = cached(tmp_path / "cache", folder, adapter, lambda done, total: told.append(0))
    assert 0 not in told
    np.testing.assert_array_equal(again.streams["image"], cache.streams["image"])


def test_a_changed_file_or_recipe_decodes_anew(pictures):
    folder, adapter = read_folder(pictures, "train"), build_adapter({"modality": "image"})
    before = fingerprint(folder, adapter)
    assert fingerprint(folder, build_adapter({"modality": "image", "size": 32})) != before
    make_picture(pictures / "a" / "0.png", width=80)
    assert fingerprint(folder, adapter) != before
    assert fingerprint(replace(folder, files=folder.files[1:]), adapter) != before


def test_items_may_lack_a_stream(tmp_path):
    both = {"video": np.ones((2, 4), np.uint8), "audio": np.ones(8, np.float32)}
    windows = [Window({"video": both["video"]}), Window(both), Window({"audio": both["audio"]})]
    written = ((i, 0, [w]) for i, w in enumerate(windows))
    write_cache(tmp_path / "c", "key", written, lambda: 0)
    cache = open_cache(tmp_path / "c", "key")
    assert cache.present["video"].tolist() == [True, True, False]
    assert cache.present["audio"].tolist() == [False, True, True]
    assert cache.streams["video"].sum((1, 2)).tolist() == [8, 8, 0]
    assert cache.streams["audio"].sum(1).tolist() == [0, 8, 8]
    assert open_cache(tmp_path / "c", "another key") is None


def test_nothing_usable_is_said(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("words")
    folder, adapter = read_folder(tmp_path, "train"), build_adapter({"modality": "image"})
    with pytest.raises(UsageError, match="none of 2 files"):
        cached(tmp_path / "cache", folder, adapter, lambda done, total: None)
