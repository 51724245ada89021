"""The README and docs/: every command works, and their statements are correct."""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from perceiver_cli import Classifier
from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import read_header
from perceiver_cli.checkpoints.info import describe_checkpoint
from perceiver_cli.errors import ErrorKind
from perceiver_cli.media import limits
from perceiver_cli.results import Classification, CrossAttendStats
from tests.checkpoints.hub import Hub, repository, serve
from tests.documentation.pages import (
    HELP,
    PAGES,
    ROOT,
    help_pages,
    make_place,
    printed,
    shown_outputs,
)
from tests.golden.test_published import write_port
from tests.samples import make_sound

TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]
CARDS = (ROOT / "weights" / "README.md").read_text(encoding="utf-8")
# Recipes for the shell have a test of their own: tests/cli/test_shell.py.
COMMANDS = [
    pytest.param(name, command, id=f"{name}: {command}")
    for name, text in TEXTS.items()
    if name not in ("docs/shell.md", "docs/commands.md")
    for block in re.findall(r"```sh\n(.+?)```", text, re.DOTALL)
    for command in re.findall(r"^perceiver .+$", block, re.MULTILINE)
]
OUTPUTS = [output for text in TEXTS.values() for output in shown_outputs(text)]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """Page -> a folder with the files in its examples, and the outputs of its commands."""
    return {name: make_place(tmp_path_factory.mktemp(name.replace("/", "-"))) for name in TEXTS}


@pytest.fixture(scope="module")
def hub(tmp_path_factory, places) -> Iterator[dict[str, str]]:
    """The environment variables for pulling small published weights."""
    with np.load(ROOT / "tests" / "golden" / "published.npz") as arrays:
        golden = dict(arrays)
    fourier = write_port(tmp_path_factory.mktemp("hub") / "f", golden, "fourier", legacy=True)
    write_port(places["docs/published.md"] / "vision-perceiver-conv", golden, "conv", legacy=True)
    own = tmp_path_factory.mktemp("own")
    with serve(Hub(repository("deepmind/vision-perceiver-fourier", fourier))) as hub:
        yield {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(own / "hf"),
            "PERCEIVER_HOME": str(own / "perceiver"),
        }


def test_the_pages_show_commands():
    assert len(COMMANDS) >= 16


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_command(name, command, places, hub):
    # A few seconds of training show that the command is right.
    command = re.sub(r"--minutes \d+", "--steps 2", command)
    arguments = command.removeprefix("perceiver ")
    called = f"{shlex.quote(sys.executable)} -m perceiver_cli {arguments}"
    # What one command pulls, the next ones use; no other command depends on it.
    env = os.environ | (hub if "imagenet" in command else {})
    done = subprocess.run(
        called, shell=True, cwd=places[name], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "output"), OUTPUTS)
def test_shown_output(command, output, places):
    """Scores may differ a little from one processor to the next; words may not."""
    assert without_scores(printed(command, places["docs/shell.md"])) == without_scores(output)


def without_scores(text: str) -> list[list[str]]:
    return [re.sub(r"[█▏▎▍▌▋▊▉]+|\b[01]\.\d\d\b", "", line).split() for line in text.splitlines()]


def test_there_is_an_output_in_the_readme():
    assert shown_outputs(README)


def test_help_pages_are_what_help_prints():
    hint = "run python -m tests.documentation.generate"
    assert HELP.read_text(encoding="utf-8") == help_pages(), hint


def test_help_pages_name_no_types_of_python():
    assert not re.findall(r"<(?:str|path|list).*?>", help_pages())


def test_python_example(places, monkeypatch):
    monkeypatch.chdir(places["README.md"])
    example = re.search(r"```python\n(.+?)```", README, re.DOTALL).group(1)
    seen = {}
    exec(example, seen)
    assert seen["result"].predictions == Classifier().classify("photo.jpg").predictions


@pytest.mark.parametrize("name", registry.bundled())
@pytest.mark.parametrize(
    "page",
    [README, TEXTS["docs/accuracy.md"], CARDS],
    ids=["README", "docs/accuracy", "weights/README"],
)
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
def test_numbers_of_parameters_are_those_of_the_weights(name):
    parameters = describe_checkpoint(registry.bundled()[name]).parameters
    assert f"| `{name}` | {parameters / 1e6:.1f} M |" in CARDS


def test_the_byte_array_of_the_example_is_that_of_its_model(places):
    (example,) = re.findall(
        r"```json\n(.+?)```", TEXTS["docs/record.md"].split("## ")[0], re.DOTALL
    )
    record = json.loads(example)
    place = places["docs/record.md"]
    make_sound(place / "four.wav", record["input"]["duration_s"], record["input"]["sample_rate"])
    made = json.loads(printed("perceiver classify four.wav --json", place))[0]
    assert made["model"] == record["model"]
    assert made["byte_array"] == record["byte_array"]


@pytest.mark.parametrize("name", registry.bundled())
def test_the_cards_page_says_how_weights_were_made_and_measured(name):
    card = read_header(registry.bundled()[name]).card
    assert card["command"] in CARDS
    for figures in card["measured"].values():
        assert figures.get("command", "") in CARDS


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "weights" / "README.md", ROOT / ".github" / "CONTRIBUTING.md"], ids=str
)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (page.parent / target).exists(), target


def test_every_page_is_linked_from_the_readme():
    for name in TEXTS:
        assert name == "README.md" or f"]({name})" in README


def test_every_package_and_root_module_has_its_line():
    text = TEXTS["docs/architecture.md"]
    package = ROOT / "perceiver_cli"
    for path in package.iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"| `{path.name}/` |" in text, path.name
        elif path.suffix == ".py" and not path.name.startswith("__"):
            assert f"`{path.name}`" in text, path.name


def test_every_error_kind_is_described():
    for kind in get_args(ErrorKind):
        assert f"| `{kind}` |" in TEXTS["docs/record.md"]


def test_every_limit_is_described():
    for name in re.findall(r'_limit\("(\w+)"', inspect.getsource(limits)):
        # The rate of a sound bounds damage, not what people have.
        assert name == "MAX_RATE" or f"`PERCEIVER_{name}`" in TEXTS["docs/shell.md"]


def test_every_key_of_the_record_is_described():
    for name in [f.name for f in fields(Classification)] + ["status", "error"]:
        assert f"| `{name}` |" in TEXTS["docs/record.md"], name
    for name in [f.name for f in fields(CrossAttendStats)]:
        assert f"| `{name}` |" in TEXTS["docs/record.md"], name
