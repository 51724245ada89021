"""The command line. It imports torch only when a command needs it."""

from __future__ import annotations

from typing import Annotated

import typer

from perceiver_cli.cli.classify import classify
from perceiver_cli.cli.commands import Commands
from perceiver_cli.cli.demo import demo
from perceiver_cli.cli.doctor import doctor
from perceiver_cli.cli.evaluate import evaluate
from perceiver_cli.cli.explain import explain
from perceiver_cli.cli.help import Command
from perceiver_cli.cli.inspect import inspect
from perceiver_cli.cli.models import models
from perceiver_cli.cli.process import set_environment
from perceiver_cli.cli.report import report
from perceiver_cli.cli.train import train

app = typer.Typer(
    name="perceiver",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PANELS = {
    "What is it?": (classify, explain, report, inspect, demo),
    "Your own classes": (train, evaluate),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(cls=Command, rich_help_panel=_panel)(_command)
app.add_typer(models, name="models", rich_help_panel="Weights and machine")
app.command(cls=Command, rich_help_panel="Weights and machine")(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from perceiver_cli.version import package_version

        print(f"perceiver {package_version()}")
        raise typer.Exit


@app.callback()
def perceiver(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Say what any media file is: picture, sound, 3D shape, video, video with sound.

    One architecture, the Perceiver, reads the raw elements of every kind of file, and shows where
    it looked. Works offline.

    \b
    Start with:
      perceiver demo
      perceiver classify photo.jpg
    """


def main() -> None:
    """Runs the command line."""
    set_environment()
    app(prog_name="perceiver")
