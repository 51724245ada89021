"""perceiver models: the weights that are at hand."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perceiver_cli.cli.help import Command, Group
from perceiver_cli.cli.options import Plain, PlainOption

if TYPE_CHECKING:
    from perceiver_cli.checkpoints.summary import Summary

models = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, describe and check weights.",
)


@models.command("list", cls=Command)
def list_weights(form: PlainOption = Plain.table) -> None:
    """List the bundled weights and how good they are."""
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.summary import summarise
    from perceiver_cli.errors import CheckpointError

    records = [record_of(summarise(path)) for path in registry.bundled().values()]
    if not records:
        raise CheckpointError(f"{registry.bundled_folder()}: no weights are there")
    if form is Plain.json:
        _print_json(records)
        return
    from perceiver_cli.report.terminal import console_for
    from perceiver_cli.report.weights import show_weights

    show_weights(console_for(sys.stdout), records)


@models.command("info", cls=Command)
def info(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="Which weights.")],
    form: PlainOption = Plain.table,
) -> None:
    """Show a model card.

    Classes, training data and its licence, measured accuracy, settings.
    """
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.summary import summarise

    summary = summarise(registry.find(name))
    record = record_of(summary) | {"labels": [asdict(label) for label in summary.header.labels]}
    if form is Plain.json:
        _print_json(record)
        return
    from perceiver_cli.report.terminal import console_for
    from perceiver_cli.report.weights import show_card

    show_card(console_for(sys.stdout), record)


@models.command("verify", cls=Command)
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME|FILE]...",
            help="Which weights.  [default: all that are bundled]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Load weights and check every tensor.

    Shows the SHA-256 of each file.
    Exit code 3 if any are missing or corrupt.
    """
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.checks import check_all

    paths = [registry.find(name) for name in names] if names else None
    bad = False
    for name, problem, digest in check_all(paths):
        bad |= problem is not None
        print(f"FAILED  {problem}" if problem else f"ok      {name}  {digest}", flush=True)
    if bad:
        from perceiver_cli.cli.running import WEIGHTS

        raise typer.Exit(WEIGHTS)


def record_of(summary: Summary) -> dict[str, Any]:
    """A checkpoint as `models list` and `models info` print it: plain JSON types."""
    header = summary.header
    return {
        "name": header.name,
        "modality": header.recipe.get("modality"),
        "classes": len(header.labels),
        "parameters": summary.parameters,
        "bytes": summary.bytes,
        "path": str(summary.path),
        "default_for": summary.default_for,
        "temperature": header.temperature,
        "threshold": header.threshold,
        "card": header.card,
        "model": asdict(header.model),
        "recipe": header.recipe,
    }


def _print_json(values: Any) -> None:
    from perceiver_cli.report.jsonlines import dumps

    print(dumps(values, sys.stdout, indent=2))
