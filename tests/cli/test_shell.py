"""The recipes of docs/shell.md in a real bash, and completion in real shells."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perceiver_cli.checkpoints import registry
from tests import samples

PAGE = (Path(__file__).parent.parent.parent / "docs" / "shell.md").read_text(encoding="utf-8")
RECIPES = re.search(r"```sh\n(.+?)```", PAGE, re.DOTALL).group(1).strip().split("\n\n")
HERE = [recipe for recipe in RECIPES if "\njq " not in recipe or shutil.which("jq")]


@pytest.fixture
def shell(bundle, tmp_path):
    """shell(script, its arguments) -> a finished shell, in tmp_path, that knows `perceiver`.

    It has tiny weights.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "perceiver"
    command.write_text(
        f"#!{sys.executable}\n"
        "import pathlib\n"
        "from perceiver_cli.checkpoints import registry\n"
        f"registry.bundled_folder = lambda: pathlib.Path({str(bundle)!r})\n"
        f"registry.bundled_defaults = lambda: {registry.bundled_defaults()!r}\n"
        "from perceiver_cli.cli import main\nmain()\n"
    )
    command.chmod(0o755)
    paths = [str(programs), os.environ["PATH"]]

    def run(script: str, *arguments: str, program: str = "bash") -> subprocess.CompletedProcess:
        # bash and zsh take the first for the name of the script.
        name = [] if program == "fish" else [program]
        return subprocess.run(
            [program, "-c", script, *name, *arguments],
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
    """A photo, a sound, a film, and four files in a folder, one of them cut off."""
    samples.make_picture(tmp_path / "photo.jpg")
    samples.make_sound(tmp_path / "clip.wav", 3.0)
    samples.make_av(tmp_path / "film.mp4")
    folder = tmp_path / "holiday"
    folder.mkdir()
    samples.make_picture(folder / "at sea.jpg", 100)
    samples.make_sound(folder / "b.wav", 0.5)
    samples.make_mesh(folder / "c.ply")
    (folder / "d.jpg").write_bytes((folder / "at sea.jpg").read_bytes()[:200])
    return ["at sea.jpg", "b.wav", "c.ply", "d.jpg"]


def test_there_are_recipes():
    assert len(RECIPES) == 12


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize("recipe", HERE, ids=lambda recipe: recipe.partition("\n")[0][2:])
def test_recipe(shell, holiday, tmp_path, recipe):
    if "jq" in recipe:
        shell("perceiver classify holiday --resume all.jsonl")
    outcome = shell(recipe)
    assert "Traceback" not in outcome.stderr
    told = outcome.stderr.splitlines()
    assert [line for line in told if not line.startswith(("perceiver: ", "holiday/d.jpg: "))] == []
    produced = outcome.stdout + "".join(p.read_text() for p in tmp_path.glob("*.jsonl"))
    produced += "".join(p.read_text() for p in tmp_path.glob("*.csv"))
    produced += " ".join(str(p) for p in [*tmp_path.glob("sorted/*/*"), *tmp_path.glob("*.srt")])
    expected = {
        "Files that find selects, with any names": ["at sea.jpg", "d.jpg"],
        "The label of one file, in a variable": ["It is: cat"],
        "The events of a recording, as a table for a spreadsheet": ["start_s"],
        "Subtitles that name the sounds of a film": ["film.srt"],
        "The files that failed, with reasons": ["holiday/d.jpg\t"],
        "The unsure pictures, least sure first": ["holiday/at sea.jpg"],
        "The number of files per answer": [" none\n"],
    }
    words = expected.get(recipe.partition("\n")[0][2:], holiday[:3])
    for word in words:
        assert word in produced


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_a_process_beside_a_loop_answers_each_name_at_once(shell, holiday, tmp_path):
    """A folder and an archive between the files neither end the loop nor shift its answers."""
    for name in ("aa", "bb/aa"):
        (tmp_path / "holiday" / name).mkdir(parents=True)
    for name in ("a.png", "b.png"):
        samples.make_picture(tmp_path / "holiday" / "bb" / name)
    shutil.make_archive(str(tmp_path / "holiday" / "B"), "gztar", tmp_path / "holiday" / "bb")
    (recipe,) = re.findall(r"```bash\n(coproc .+?)```", PAGE, re.DOTALL)
    outcome = shell(recipe)
    # The next name is only written once the line of the one before has been read.
    *lines, last = outcome.stdout.splitlines()
    assert len(lines) == len(holiday)
    assert [line.partition("\t")[0] for line in lines[:3]] == [
        f"It says: holiday/{name}" for name in holiday[:3]
    ]
    assert lines[3].startswith("It says: perceiver: holiday/d.jpg: ")
    assert last == "At least one file failed."
    assert outcome.stderr == ""


# For each shell how it is asked what it would offer; $1 is the line so far.
COMPLETING = {
    "bash": r"""
        eval "$(_PERCEIVER_COMPLETE=source_bash perceiver)"
        COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _perceiver_completion perceiver
        complete -p perceiver | grep -q -- "-o default" || echo "leaves no files to bash" >&2
        echo "${COMPREPLY[@]}"
        """,
    # Its line editor needs a terminal: what is handed to it is printed instead.
    "zsh": r"""
        compdef() { [[ "$*" == "_perceiver_completion perceiver" ]] || print "compdef $*" >&2 }
        _files() { true }
        _arguments() {
            local offers=${${1#*\(\(}%\)\)} each
            for each in ${(Q)${(z)offers}}; do print -r -- ${each%%:*}; done
        }
        eval "$(_PERCEIVER_COMPLETE=source_zsh perceiver)"
        words=(${=1}) CURRENT=${#words}
        _perceiver_completion
        """,
    "fish": r"""
        _PERCEIVER_COMPLETE=source_fish perceiver | source
        complete -C $argv[1] | string replace -r '\t.*' ''
        """,
}


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_a_shell_named_for_completion_is_refused(run, option):
    outcome = run(option, "nosh")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == (
        f"perceiver: {option} takes no value: it is for the shell that runs it\n"
    )


@pytest.mark.parametrize("name", COMPLETING)
def test_completion(shell, name):
    if not shutil.which(name):
        pytest.skip(f"needs {name}")
    offers = {
        "perceiver cl": ["classify"],
        "perceiver classify --form": ["--format"],
        "perceiver classify --format j": ["json", "jsonl"],
        "perceiver classify --model tiny-a": ["tiny-audio", "tiny-av"],
        "perceiver classify hol": [],  # left to the shell, which knows files
    }
    for line, offered in offers.items():
        outcome = shell(COMPLETING[name], line, program=name)
        assert outcome.stderr == ""
        assert outcome.stdout.split() == offered
