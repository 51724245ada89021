"""The pages, and a folder with the files in their examples."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.samples import make_picture, make_sound

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HELP = ROOT / "docs" / "commands.md"

_SAMPLES = ROOT / "perceiver_cli" / "samples"
_CONSOLE = re.compile(r"```console\n\$ (perceiver [^\n]+)\n(.*?)```", re.DOTALL)


def make_place(folder: Path) -> Path:
    """photo.jpg, chair.ply, film.mp4, clip.wav, holiday/ and pets/ in a folder."""
    shutil.copy(_SAMPLES / "coffee.jpg", folder / "photo.jpg")
    shutil.copy(_SAMPLES / "chair.ply", folder)
    shutil.copy(_SAMPLES / "cat-calling.mp4", folder / "film.mp4")
    make_sound(folder / "clip.wav", 1.0)
    (folder / "holiday" / "beach").mkdir(parents=True)
    for name in ("cat-calling.mp4", "chair.ply", "coffee.jpg"):
        shutil.copy(_SAMPLES / name, folder / "holiday")
    shutil.copy(_SAMPLES / "sea.ogg", folder / "holiday" / "beach")
    for name, width in (("cats", 64), ("dogs", 80)):
        (folder / "pets" / name).mkdir(parents=True)
        for number in range(4):
            make_picture(folder / "pets" / name / f"{number}.png", width + number)
    return folder


def shown_outputs(text: str) -> list[tuple[str, str]]:
    """(command, output) of every console block of a page."""
    return _CONSOLE.findall(text)


def with_outputs(text: str, place: Path) -> str:
    """A page with the current outputs of the commands in its console blocks."""
    return _CONSOLE.sub(lambda m: f"```console\n$ {m[1]}\n{printed(m[1], place)}```", text)


def printed(command: str, place: Path) -> str:
    """The standard output of a command, 80 columns wide."""
    arguments = command.removeprefix("perceiver ").split()
    done = subprocess.run(
        [sys.executable, "-m", "perceiver_cli", *arguments],
        cwd=place,
        env=os.environ | {"COLUMNS": "80", "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def help_pages() -> str:
    """docs/commands.md: the help of every command."""
    from typer.main import get_command

    from perceiver_cli.cli import app

    parts = [
        "# Commands\n\nWhat `--help` prints, made by `python -m tests.documentation.generate`.\n"
    ]
    for words in (["perceiver"], *_command_names(get_command(app), ["perceiver"])):
        title = " ".join(words)
        parts.append(f"## {title}\n\n```text\n{_help(words[1:])}```\n")
    return "\n".join(parts)


def _command_names(group: object, words: list[str]) -> list[list[str]]:
    names = []
    for name, command in getattr(group, "commands", {}).items():
        names += [[*words, name], *_command_names(command, [*words, name])]
    return names


def _help(words: list[str]) -> str:
    from typer.testing import CliRunner

    from perceiver_cli.cli import app

    outcome = CliRunner().invoke(
        app, [*words, "--help"], prog_name="perceiver", env={"COLUMNS": "80"}, terminal_width=80
    )
    assert outcome.exit_code == 0, outcome.output
    lines = (line.rstrip() for line in outcome.stdout.strip("\n").splitlines())
    return "\n".join(lines) + "\n"
