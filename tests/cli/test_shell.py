"""The README's recipes, and completion, in a real bash."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import samples

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("## In shell scripts")[2]
RECIPES = re.search(r"```sh\n(.+?)```", SECTION, re.DOTALL).group(1).strip().split("\n\n")
HERE = [recipe for recipe in RECIPES if "\njq " not in recipe or shutil.which("jq")]

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")


@pytest.fixture
def bash(bundle, tmp_path):
    """bash(script) -> a finished bash, in tmp_path, that knows `perceiver` with tiny weights."""
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "perceiver"
    command.write_text(
        f"#!{sys.executable}\n"
        "import pathlib\n"
        "from perceiver_cli.checkpoints import registry\n"
        f"registry.bundled_folder = lambda: pathlib.Path({str(bundle)!r})\n"
        "from perceiver_cli.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    paths = [str(programs), os.environ["PATH"]]

    def run(script: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=os.environ
            | {"PATH": os.pathsep.join(paths), "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def holiday(tmp_path) -> list[str]:
    """A photo, and a folder of four files, one with a blank in its name and one cut off."""
    samples.make_picture(tmp_path / "photo.jpg")
    folder = tmp_path / "holiday"
    folder.mkdir()
    samples.make_picture(folder / "at sea.jpg", 100)
    samples.make_sound(folder / "b.wav", 0.5)
    samples.make_mesh(folder / "c.ply")
    (folder / "d.jpg").write_bytes((folder / "at sea.jpg").read_bytes()[:200])
    return ["at sea.jpg", "b.wav", "c.ply", "d.jpg"]


def test_there_are_recipes():
    assert len(RECIPES) == 9


@pytest.mark.parametrize("recipe", HERE, ids=lambda recipe: recipe.partition("\n")[0][2:])
def test_recipe(bash, holiday, tmp_path, recipe):
    if "jq" in recipe:
        bash("perceiver classify holiday --resume all.jsonl")
    outcome = bash(recipe)
    assert "Traceback" not in outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if "holiday/d.jpg: " not in line]
    assert all(line.startswith("perceiver: ") for line in told)
    produced = outcome.stdout + "".join(p.read_text() for p in tmp_path.glob("*.jsonl"))
    produced += " ".join(str(p) for p in tmp_path.glob("sorted/*/*"))
    expected = {
        "What find chooses, whatever the names": ["at sea.jpg", "d.jpg"],
        "The label of one file, in a variable": ["It is: cat"],
        "What failed, and why": ["holiday/d.jpg\t"],
        "The pictures that it is not sure of, least sure first": ["holiday/at sea.jpg"],
        "How many files have which label": ["1 none"],
    }
    words = expected.get(recipe.partition("\n")[0][2:], holiday[:3])
    for word in words:
        assert word in produced


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        ("perceiver cl", "classify"),
        ("perceiver classify --form", "--format"),
        ("perceiver classify --format j", "json jsonl"),
        ("perceiver classify --model tiny-a", "tiny-audio tiny-av"),
        ("perceiver classify hol", ""),  # left to the shell, which knows files
    ],
)
def test_completion(bash, words, offers):
    outcome = bash(
        'eval "$(_PERCEIVER_COMPLETE=source_bash perceiver)"\n'
        f"COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "_perceiver_completion perceiver\n"
        'echo "${COMPREPLY[*]}"\n'
        "complete -p perceiver\n"
    )
    assert outcome.stderr == ""
    found, how = outcome.stdout.splitlines()
    assert found == offers
    assert "-o default" in how
