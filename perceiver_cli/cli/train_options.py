"""Options of only perceiver train; options.py has the shared ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from perceiver_cli.choices import Precision
from perceiver_cli.cli.options import MACHINE, check_checkpoint_name, modality_option
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import all_names

_DATA, _LENGTH, _MANNER = "What is learned", "How long", "How"


def _check_finite(param: typer.CallbackParam, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise UsageError(f"{param.opts[0]} must be a finite number (got {value})")
    return value


FolderArgument = Annotated[
    Path,
    typer.Argument(metavar="DIR", help="DIR/<class>/... or DIR/{train,val}/<class>/..."),
]
CheckpointOutputOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        callback=check_checkpoint_name,
        help="The checkpoint to write (.safetensors).",
        rich_help_panel=_DATA,
    ),
]
TrainingModalityOption = Annotated[
    str | None,
    modality_option(f"The modality: {all_names()}.", _DATA),
]
RunOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder for decoded files and the resumable state.  [default: OUTPUT.run]",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="NAME|FILE",
        help="Start from these weights: a name, a modality or a file. Video can start from a "
        "picture model, which reads the frames; from other modalities only the latent "
        "transformers are used.",
        rich_help_panel=_DATA,
    ),
]
HoldOutOption = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        min=0,
        max=0.5,
        help="Share of the training files to hold out for calibration. Ignored if DIR/held/ "
        "exists.",
        rich_help_panel=_DATA,
    ),
]
GroupsOption = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="Files of a class whose names match with the same text are held out together, as "
        "pieces of one recording must be.",
        rich_help_panel=_DATA,
    ),
]
RefitFamiliarOption = Annotated[
    bool,
    typer.Option(
        "--refit-familiar",
        help="Do not train, but fit the temperatures and the statistics of familiar inputs of "
        "the weights in FILE again, with the folder, --hold-out and --groups of their training; "
        "--set input.NAME changes how files are read.",
        rich_help_panel=_DATA,
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="With --refit-familiar: the classes' id, label, group and kind, tab-separated.  "
        "[default: DIR/labels.tsv]",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        min=0.05,
        max=20,
        help="With --refit-familiar: the temperature of the scores.  [default: fitted on the "
        "held-out files]",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
TeacherOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Another model's logits for the training files (not of shapes): files.txt and "
        "logits.npy, as weights/recipes/teach_pictures.py writes them, and of sounds also its "
        "features.npy.",
        rich_help_panel=_DATA,
    ),
]
CardOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="JSON with data, licence and notes for the checkpoint's card.",
        rich_help_panel=_DATA,
    ),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        metavar="T",
        min=0.01,
        callback=_check_finite,
        help="Time limit in minutes.",
        rich_help_panel=_LENGTH,
    ),
]
StepsOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Limit of steps.", rich_help_panel=_LENGTH)
]
BatchSizeOption = Annotated[
    int,
    typer.Option(
        metavar="N", min=2, max=1_000_000, help="Items per step.", rich_help_panel=_MANNER
    ),
]
RateOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Peak learning rate.",
        rich_help_panel=_MANNER,
    ),
]
DecayOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        callback=_check_finite,
        help="Weight decay.",
        rich_help_panel=_MANNER,
    ),
]
BalanceOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Class balance: 0 draws all files equally often, 1 all classes.",
        rich_help_panel=_MANNER,
    ),
]
MixupOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Probability that the items of a batch are mixed.",
        rich_help_panel=_MANNER,
    ),
]
SmoothingOption = Annotated[
    float,
    typer.Option(metavar="X", min=0, max=1, help="Label smoothing.", rich_help_panel=_MANNER),
]
TeacherShareOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        max=1,
        help="Weight of the teacher's scores in each target.",
        rich_help_panel=_MANNER,
    ),
]
FeatureWeightOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0,
        callback=_check_finite,
        help="Weight of the feature-distillation loss, if the teacher has features.",
        rich_help_panel=_MANNER,
    ),
]
LatentShareOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.01,
        max=1,
        help="Share of the latents used in each step, except in the last tenth of the training.",
        rich_help_panel=_MANNER,
    ),
]
ElementShareOption = Annotated[
    float,
    typer.Option(
        metavar="X",
        min=0.01,
        max=1,
        help="Share of the elements used in each step, except in the last tenth of the training.",
        rich_help_panel=_MANNER,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="model.NAME or input.NAME; repeatable. `models info` shows the names.",
        rich_help_panel=_MANNER,
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=2**32 - 1, help="Random seed.", rich_help_panel=_MANNER),
]
TrainingPrecisionOption = Annotated[
    Precision,
    typer.Option(
        metavar="TYPE",
        help="Precision of the computation: auto, float32 or bfloat16.",
        rich_help_panel=MACHINE,
    ),
]
