"""`perceiver models verify` on installed weights."""

import shutil

import pytest
import torch

from perceiver_cli.checkpoints import home, registry
from perceiver_cli.checkpoints.digest import sha256
from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint
from perceiver_cli.inference.verification import check_all


@pytest.fixture
def folder(bundle, tmp_path, monkeypatch):
    """A copy of the bundled weights that may be damaged."""
    shutil.copytree(bundle, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(registry, "bundled_folder", lambda: tmp_path)
    return tmp_path


def problems():
    return {check.name: check.problem for check in check_all() if check.problem}


def test_whole_weights_have_their_digests(folder):
    found = {check.name: (check.problem, check.digest) for check in check_all()}
    assert found == {path.name: (None, sha256(path)) for path in folder.iterdir()}


def test_a_modality_without_its_weights_is_named(folder):
    (folder / "tiny-audio.safetensors").unlink()
    (check,) = (check for check in check_all() if check.name == "audio")
    assert "tiny-audio.safetensors" in check.problem
    assert check.digest == ""
    assert set(problems()) == {"audio"}


def test_a_broken_file_of_defaults_is_named(folder):
    path = home.home() / "defaults.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")
    registry.defaults.cache_clear()
    found = [check for check in check_all() if check.problem]
    assert [(check.name, check.digest) for check in found] == [("defaults", "")]
    assert str(path) in found[0].problem


def test_numbers_that_are_not_finite_and_other_content_than_was_pulled_are_found(folder):
    name = "tiny-image.safetensors"
    checkpoint = load_checkpoint(folder / name)
    home.remember_digest(folder / name, "0" * 64)
    assert "not the one it was pulled with" in problems()[name]
    broken = dict(checkpoint.tensors) | {"latents": checkpoint.tensors["latents"] * torch.nan}
    save_checkpoint(folder / name, type(checkpoint)(checkpoint.header, broken))
    assert "latents has values that are not finite" in problems()[name]
