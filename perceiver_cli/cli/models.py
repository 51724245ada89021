"""perceiver models: the installed weights, and those that can be downloaded."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perceiver_cli.choices import Format
from perceiver_cli.cli.help import Command, Group
from perceiver_cli.cli.messages import print_message
from perceiver_cli.cli.options import (
    PlainFormatOption,
    check_checkpoint_name,
    modality_names,
    parse_modality,
)

if TYPE_CHECKING:
    from perceiver_cli.checkpoints.info import CheckpointInfo

models = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, describe, verify, download and convert weights.",
)


@models.command("list", cls=Command)
def list_weights(format: PlainFormatOption = Format.table) -> None:
    """List the installed weights, bundled and pulled, with their accuracy."""
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.info import describe_checkpoint
    from perceiver_cli.errors import CheckpointError

    records = [record_of(describe_checkpoint(path)) for path in registry.known().values()]
    if not records:
        raise CheckpointError(f"{registry.bundled_folder()}: no weights found")
    if format is Format.json:
        _print_json(records)
        return
    from perceiver_cli.report.terminal import console_for
    from perceiver_cli.report.weights import show_weights

    show_weights(console_for(sys.stdout), records)
    _name_published({record["name"] for record in records})


@models.command("info", cls=Command)
def info(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="The weights.")],
    format: PlainFormatOption = Format.table,
) -> None:
    """Show a model card.

    Classes, training data and its licence, measured accuracy, settings.
    """
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.info import describe_checkpoint

    checkpoint = describe_checkpoint(registry.find(name))
    labels = [asdict(label) for label in checkpoint.header.labels]
    record = record_of(checkpoint) | {"labels": labels}
    if format is Format.json:
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
            metavar="NAME|FILE",
            help="The weights.  [default: all installed]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Load weights and check every tensor.

    Shows the SHA-256 of each file.
    Exit code 3 if any are missing or corrupt.
    """
    from perceiver_cli.checkpoints import registry
    from perceiver_cli.inference.verification import check_all

    paths = [registry.find(name) for name in names] if names else None
    bad = False
    for name, problem, digest in check_all(paths):
        bad |= problem is not None
        print(f"FAILED  {problem}" if problem else f"ok      {name}  {digest}", flush=True)
    if bad:
        from perceiver_cli.cli.exit_codes import BAD_WEIGHTS

        raise typer.Exit(BAD_WEIGHTS)


@models.command("pull", cls=Command)
def pull_weights(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The published weights.")],
) -> None:
    """Download one of DeepMind's published classifiers and convert it.

    This uses the network, as otherwise only calls with a URL or --ray do. Cache, mirror, tokens and
    offline mode are those of huggingface_hub: HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE.
    """
    from perceiver_cli.checkpoints import home
    from perceiver_cli.checkpoints.published.catalogue import published

    entry = published(name)
    path = home.pulled().get(name)
    if path is None:
        from perceiver_cli.checkpoints.published.pull import pull

        path = pull(entry)
    print(path)


@models.command("convert", cls=Command)
def convert_weights(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC",
            help="A folder with config.json and model.safetensors or pytorch_model.bin, one of "
            "these files, or DeepMind's .pystate.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            callback=check_checkpoint_name,
            help="The checkpoint to write (.safetensors).",
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The classes in order, one per line: ID<TAB>LABEL, or only the label.  "
            "[default: those in config.json]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Convert files of one of DeepMind's published classifiers.

    Nothing in a pickle is executed. The exit code is 3 if a tensor is missing, unexpected or of the
    wrong shape.
    """
    from perceiver_cli.checkpoints.format import save_checkpoint
    from perceiver_cli.checkpoints.labels import read_labels
    from perceiver_cli.checkpoints.published.convert import convert
    from perceiver_cli.checkpoints.published.source import WEIGHTS
    from perceiver_cli.cli.output import check_replaces_no_input

    check_replaces_no_input(output, [str(source), *(str(source / name) for name in WEIGHTS)])
    names = read_labels(labels, label_alone=True) if labels else None
    save_checkpoint(output, convert(source, output.stem, names))
    print(output)


@models.command("default", cls=Command)
def choose_default(
    modality: Annotated[
        str | None,
        typer.Argument(
            metavar="MODALITY",
            parser=parse_modality,
            autocompletion=modality_names,
            help="The modality.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Its new default weights.", show_default=False),
    ] = None,
) -> None:
    """Set the default weights of a modality.

    Without MODALITY and NAME, list the default weights of all modalities.
    """
    from perceiver_cli.checkpoints import home, registry
    from perceiver_cli.checkpoints.format import read_header
    from perceiver_cli.errors import UsageError
    from perceiver_cli.modalities import MODALITIES, serving

    if modality is None:
        _print_defaults(registry.defaults())
        return
    if name is None:
        raise UsageError(f"NAME is missing: the weights to use for {modality}")
    path = registry.find(name)
    if registry.known().get(name) != path:
        raise UsageError(f"{name}: a default must be a name, not a file")
    reads = read_header(path).recipe["modality"]
    if serving(modality) != reads:
        wanted = MODALITIES[modality].several
        raise UsageError(f"{name} reads {MODALITIES[reads].several}, not {wanted}")
    if broken := home.choose_default(modality, name):
        print_message(f"{broken} was damaged and has been replaced: earlier choices are lost")


def _print_defaults(names: dict[str, str]) -> None:
    from perceiver_cli.report.terminal import console_for
    from perceiver_cli.report.weights import show_defaults

    show_defaults(console_for(sys.stdout), names)


def _name_published(names: set[str]) -> None:
    from perceiver_cli.checkpoints.published.catalogue import PUBLISHED

    if more := [name for name in PUBLISHED if name not in names]:
        print_message(f"more with perceiver models pull: {', '.join(more)}")


def record_of(checkpoint: CheckpointInfo) -> dict[str, Any]:
    """The facts about a checkpoint that `models list` and `models info` print, as JSON types."""
    header = checkpoint.header
    return {
        "name": header.name,
        "modality": header.recipe.get("modality"),
        "classes": len(header.labels),
        "parameters": checkpoint.parameters,
        "bytes": checkpoint.bytes,
        "path": str(checkpoint.path),
        "origin": checkpoint.origin,
        "default_for": checkpoint.default_for,
        "temperature": header.temperature,
        "stream_temperatures": header.stream_temperatures,
        "card": header.card,
        "model": asdict(header.model),
        "recipe": header.recipe,
    }


def _print_json(values: Any) -> None:
    from perceiver_cli.report.jsonlines import dumps

    print(dumps(values, sys.stdout, indent=2))
