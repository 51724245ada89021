"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

READING, OUTPUT, MACHINE = "What is read", "Output", "Model and machine"


class Kind(StrEnum):
    """The modalities, or what the content says."""

    auto = "auto"
    image = "image"
    audio = "audio"
    pointcloud = "pointcloud"
    video = "video"
    av = "av"


class Device(StrEnum):
    """Where the model runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(StrEnum):
    """What the model's products are computed in."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


class How(StrEnum):
    """By which method an answer is explained."""

    attention = "attention"
    rollout = "rollout"
    gradient = "gradient"


class Plain(StrEnum):
    """For people or for programs."""

    table = "table"
    json = "json"


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
KindOption = Annotated[
    Kind,
    typer.Option(
        "--modality",
        metavar="M",
        help="What every input has to be: image, audio, pointcloud, video or av.",
        rich_help_panel=READING,
    ),
]
HiddenOption = Annotated[
    bool,
    typer.Option("--hidden", help="Take hidden files and folders too.", rich_help_panel=READING),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Of a folder, take only files like '*.jpg' or 'trip/*'; repeatable.",
        rich_help_panel=READING,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Of a folder, leave out such files and folders; repeatable.",
        rich_help_panel=READING,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Take one share of N, so that N calls share the work.",
        rich_help_panel=READING,
    ),
]
MethodOption = Annotated[
    How | None,
    typer.Option(
        "--method",
        metavar="METHOD",
        help="attention: where each look goes. rollout: attention through all layers. gradient: "
        "what the answer changes with.  [default: what was measured to be the most faithful]",
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
        help="What it computes in: auto, float32, bfloat16 or int8.",
        rich_help_panel=MACHINE,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processor threads.  [default: one per core]",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
PlainOption = Annotated[
    Plain, typer.Option("--format", metavar="FORMAT", help="table or json.", rich_help_panel=OUTPUT)
]
