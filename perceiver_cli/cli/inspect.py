"""perceiver inspect: shows the type of a file and the model's input from it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from perceiver_cli.choices import Format
from perceiver_cli.cli.options import AUTO, ModalityOption, ModelOption, PlainFormatOption


def inspect(
    path: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    modality: ModalityOption = AUTO,
    model: ModelOption = None,
    format: PlainFormatOption = Format.table,
) -> None:
    """Show what a file is, and what the model reads.

    The table lists the channels of the byte array, with the range of this file's values in each.

    \b
    Examples:
      perceiver inspect clip.wav
      perceiver inspect chair.ply --format json
    """
    from perceiver_cli.cli.one_input import naming, one_source
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.inference.inspection import inspect_source

    source = one_source(path)
    with naming(path):
        record = inspect_source(source, Classifier(model, modality)).to_dict()
    if format is Format.json:
        from perceiver_cli.report.jsonlines import dumps

        print(dumps(record, sys.stdout, indent=2))
        return
    from perceiver_cli.report.inspection import show_inspection
    from perceiver_cli.report.terminal import console_for

    show_inspection(console_for(sys.stdout), record)
