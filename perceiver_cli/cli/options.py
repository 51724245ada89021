"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from perceiver_cli.choices import MAX_THREADS, Device, Format, Method, Precision
from perceiver_cli.cli.output import check_writable
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import MODALITIES, all_names, find_modality

READING, OUTPUT, MACHINE = "What is read", "Output", "Model and machine"


AUTO = "auto"

# The formats of commands other than classify, which has more.
PLAIN = (Format.table, Format.json)


def parse_modality(name: str) -> str:
    """The name of a modality, from its name or an alias such as "picture"."""
    try:
        return find_modality(name).name
    except ValueError as error:
        raise UsageError(str(error)) from None


def _parse_modality_or_auto(name: str) -> str:
    return name if name == AUTO else parse_modality(name)


def modality_names(incomplete: str = "") -> list[str]:
    """Names and aliases of modalities that begin with the given text."""
    names = [name for row in MODALITIES.values() for name in (row.name, *row.aliases)]
    return [name for name in names if name.startswith(incomplete)]


def modality_option(help: str, panel: str) -> Any:
    """The option -m with a help text, in a panel of the help page."""
    return typer.Option(
        "--modality",
        "-m",
        metavar="M",
        parser=parse_modality,
        autocompletion=modality_names,
        help=help,
        rich_help_panel=panel,
    )


def check_checkpoint_name(path: Path) -> Path:
    """Checks the path of a checkpoint to write: its extension, and that its folder exists."""
    if path.suffix != ".safetensors":
        raise UsageError(f"{path}: the file extension of a checkpoint must be .safetensors")
    check_writable(path)
    return path


def _parse_plain(name: str) -> Format:
    if name not in PLAIN:
        raise UsageError(f"--format {name}: this command supports table and json")
    return Format(name)


def _bundled_names(incomplete: str) -> list[str]:
    from perceiver_cli.checkpoints import registry

    return [name for name in registry.bundled() if name.startswith(incomplete)]


ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        help="Weights for every input: a bundled name or a .safetensors file.  "
        "[default: those of each modality]",
        show_default=False,
        autocompletion=_bundled_names,
        rich_help_panel=MACHINE,
    ),
]
ModalityOption = Annotated[
    str,
    typer.Option(
        "--modality",
        metavar="M",
        parser=_parse_modality_or_auto,
        autocompletion=modality_names,
        help=f"The modality of all inputs: {all_names()}. Of films with sound, video and audio "
        "read the pictures or the sound alone.  [default: by content]",
        show_default=False,
        rich_help_panel=READING,
    ),
]
HiddenOption = Annotated[
    bool,
    typer.Option("--hidden", help="Include hidden files and folders.", rich_help_panel=READING),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Include only matching files of folders, such as '*.jpg' or 'trip/*'; repeatable.",
        rich_help_panel=READING,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Exclude matching files and subfolders; repeatable.",
        rich_help_panel=READING,
    ),
]
SureOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="T",
        help="Minimum score of an answer: a class, else a group (dog), else a kind (animal).",
        rich_help_panel=OUTPUT,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Process only part I of N, to split the work across N calls.",
        rich_help_panel=READING,
    ),
]
MethodOption = Annotated[
    Method | None,
    typer.Option(
        "--method",
        metavar="METHOD",
        help="attention: the weights of each cross-attend. rollout: attention through all layers. "
        "gradient: sensitivity of the answer.  [default: the method measured to be the most "
        "faithful]",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
DeviceOption = Annotated[
    Device, typer.Option(metavar="DEVICE", help="auto, cpu, cuda or mps.", rich_help_panel=MACHINE)
]
PrecisionOption = Annotated[
    Precision,
    typer.Option(
        metavar="TYPE",
        help="Precision of the computation: auto, float32, bfloat16 or int8.",
        rich_help_panel=MACHINE,
    ),
]
FailFastOption = Annotated[
    bool,
    typer.Option("--fail-fast", help="Stop at the first broken file.", rich_help_panel=READING),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_THREADS,
        metavar="N",
        help="Processor threads.  [default: one per core]",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
PlainFormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        metavar="FORMAT",
        parser=_parse_plain,
        help="Format of the output: table or json.",
        rich_help_panel=OUTPUT,
    ),
]
