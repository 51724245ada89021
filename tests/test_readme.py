"""Every command in the README works as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli import Classifier
from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import read_header
from tests.checkpoints.hub import Hub, repository, serve
from tests.golden.test_published import write_port
from tests.samples import make_picture, make_sound

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARDS = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
SAMPLES = ROOT / "perceiver_cli" / "samples"
# Recipes for the shell have a test of their own.
RECIPES = README[README.index("## In shell scripts") : README.index("## In Python")]
COMMANDS = re.findall(r"^perceiver .+$", README.replace(RECIPES, ""), re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(SAMPLES / "coffee.jpg", folder / "photo.jpg")
    shutil.copy(SAMPLES / "chair.ply", folder)
    shutil.copy(SAMPLES / "cat-calling.mp4", folder / "film.mp4")
    make_sound(folder / "clip.wav", 1.0)
    (folder / "holiday" / "sea").mkdir(parents=True)
    shutil.copy(SAMPLES / "coffee.jpg", folder / "holiday" / "sea" / "1.jpg")
    shutil.copy(SAMPLES / "sea.ogg", folder / "holiday" / "2.ogg")
    for name, width in (("cats", 64), ("dogs", 80)):
        (folder / "pets" / name).mkdir(parents=True)
        for number in range(4):
            make_picture(folder / "pets" / name / f"{number}.png", width + number)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory, place) -> Iterator[dict[str, str]]:
    """The environment in which published weights, small ones, can be had."""
    with np.load(ROOT / "tests" / "golden" / "published.npz") as arrays:
        golden = dict(arrays)
    fourier = write_port(tmp_path_factory.mktemp("hub") / "f", golden, "fourier", legacy=True)
    write_port(place / "vision-perceiver-conv", golden, "conv", legacy=True)
    own = tmp_path_factory.mktemp("own")
    with serve(Hub(repository("deepmind/vision-perceiver-fourier", fourier))) as hub:
        yield {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(own / "hf"),
            "PERCEIVER_HOME": str(own / "perceiver"),
        }


def test_the_readme_shows_commands():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command, place, hub):
    # A few seconds of training show that the command is right.
    command = re.sub(r"--minutes \d+", "--steps 2", command)
    arguments = command.removeprefix("perceiver ")
    called = f"{shlex.quote(sys.executable)} -m perceiver_cli {arguments}"
    # What one command pulls, the next ones use; no other command depends on it.
    env = os.environ | (hub if "imagenet" in command else {})
    done = subprocess.run(
        called, shell=True, cwd=place, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_python_example(place, monkeypatch):
    monkeypatch.chdir(place)
    example = re.search(r"```python\n(.+?)```", README, re.DOTALL).group(1)
    seen = {}
    exec(example, seen)
    assert seen["result"].predictions == Classifier().classify("photo.jpg").predictions


def test_named_commands_and_options_exist():
    from typer.main import get_command

    from perceiver_cli.cli import app

    known = get_command(app).commands
    for line in re.findall(r"^\| `perceiver (\w+)", README, re.MULTILINE):
        assert line in known


@pytest.mark.parametrize("name", registry.bundled())
@pytest.mark.parametrize("page", [README, CARDS], ids=["README", "weights/README"])
def test_figures_are_those_on_the_card(name, page):
    measured = read_header(registry.bundled()[name]).card["measured"]
    known = {f"{value:.1%}" for value in numbers(measured)}
    (row,) = re.findall(rf"^\| `{name}` .+$", page, re.MULTILINE)
    figures = re.findall(r"\d+\.\d%", row)
    assert figures
    assert set(figures) <= known


def numbers(values):
    """Every number in a tree of dictionaries."""
    for value in values.values():
        if isinstance(value, dict):
            yield from numbers(value)
        elif isinstance(value, float):
            yield value


@pytest.mark.parametrize("name", registry.bundled())
def test_the_cards_page_says_how_weights_were_made_and_measured(name):
    card = read_header(registry.bundled()[name]).card
    assert card["command"] in CARDS
    for figures in card["measured"].values():
        assert figures.get("command", "") in CARDS


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
