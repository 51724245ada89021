"""The `perceiver` command on each bundled card runs: two steps on generated files."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import load_checkpoint, read_header, save_checkpoint
from tests.training.test_train_command import MAKERS, make_folder

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"


def shortened(words):
    """The words of a `perceiver` command, with two steps for its minutes, on the processor."""
    words = words[1:]
    for option in ("--minutes", "--device", "--precision", "--batch-size"):
        if option in words:
            where = words.index(option)
            words = words[:where] + words[where + 2 :]
    return [*words, "--steps", "2", "--batch-size", "64", "--device", "cpu"]


def value_of(option, words):
    return words[words.index(option) + 1] if option in words else None


def make_teacher(place, data):
    files = sorted(path.relative_to(data / "train") for path in (data / "train").glob("*/*"))
    place.mkdir()
    (place / "files.txt").write_text("".join(f"{file.as_posix()}\n" for file in files))
    np.save(place / "logits.npy", np.zeros((len(files), 2, 1, 1), np.float16))


@pytest.mark.parametrize("name", registry.bundled())
def test_the_command_on_the_card_runs(name, tmp_path, run, monkeypatch):
    words = shlex.split(read_header(registry.bundled()[name]).card["command"])
    if words[0] == "python":  # a script of the recipes, which has a test of its own
        assert (RECIPES.parent / words[1]).is_file()
        return
    assert words[:2] == ["perceiver", "train"]
    maker, kinds, _ = MAKERS[value_of("-m", words)]
    data = make_folder(tmp_path / words[2], maker, kinds, {"train": 4})
    (tmp_path / "recipes").symlink_to(RECIPES)
    if teacher := value_of("--teacher", words):
        make_teacher(tmp_path / teacher, data)
    start = value_of("--from", words)
    if start and start.endswith(".safetensors"):
        (tmp_path / start).parent.mkdir(exist_ok=True)
        (tmp_path / start).symlink_to(registry.bundled()[Path(start).stem])
    (tmp_path / value_of("-o", words)).parent.mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    outcome = run(*shortened(words))
    assert outcome.exit_code == 0, outcome.stderr
    made = read_header(tmp_path / value_of("-o", words))
    assert made.card["steps"] == 2
    assert made.recipe["modality"] == value_of("-m", words)


def test_a_mean_of_two_checkpoints(weights, tmp_path):
    first = load_checkpoint(weights["image"])
    second = {name: tensor + 1 for name, tensor in first.tensors.items()}
    save_checkpoint(tmp_path / "second.safetensors", replace(first, tensors=second))

    def average(other, *more):
        call = [sys.executable, RECIPES / "average.py", weights["image"], other]
        call += [tmp_path / "mean.safetensors", *more]
        return subprocess.run(call, stderr=subprocess.PIPE, text=True, check=False, timeout=60)

    assert average(tmp_path / "second.safetensors", "--share", "0.75").returncode == 0
    mean = load_checkpoint(tmp_path / "mean.safetensors")
    assert mean.header == first.header
    for name, tensor in mean.tensors.items():
        torch.testing.assert_close(tensor, first.tensors[name] + 0.75, rtol=1e-3, atol=1e-3)
    assert "different architectures" in average(weights["audio"]).stderr
