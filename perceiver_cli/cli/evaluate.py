"""perceiver evaluate: accuracy and calibration on a labelled folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from perceiver_cli.training.evaluate import Evaluation


def evaluate(
    folder: Annotated[
        Path, typer.Argument(help="DIR/<class>/... or DIR/{train,val,test}/<class>/...")
    ],
    model: Annotated[
        str | None, typer.Option(help="Name or file of the weights. [the modality's default]")
    ] = None,
    modality: Annotated[
        str | None, typer.Option("--modality", "-m", help="Whose default weights to evaluate.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which split, if the folder has splits.")] = "val",
    output_format: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    note: Annotated[
        str | None,
        typer.Option("--record", help="Keep the figures on the checkpoint's card by this name."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    batch_size: Annotated[int, typer.Option(help="Inputs a batch.", min=1)] = 32,
) -> None:
    """Measure accuracy on a labelled folder: top-1, top-5, class mean, calibration, per class.

    perceiver evaluate pets/ --model pets.safetensors
    """
    from perceiver_cli.errors import UsageError

    if (model is None) == (modality is None):
        raise UsageError("say which weights to evaluate: --model or --modality")
    if output_format not in ("table", "json"):
        raise UsageError(f"unknown format {output_format}: table or json")

    from perceiver_cli.checkpoints import registry
    from perceiver_cli.checkpoints.format import read_header
    from perceiver_cli.classify import Classifier
    from perceiver_cli.training.evaluate import evaluate as measure_folder
    from perceiver_cli.training.evaluate import record

    path = registry.find(model) if model else registry.default_for(modality)
    header = read_header(path)
    classifier = Classifier(
        str(path),
        top=len(header.labels),
        attention=False,
        batch_size=batch_size,
        device=device,
        precision=precision,
    )
    with _progress() as bar:
        task = bar.add_task("Evaluating", total=None)
        evaluation = measure_folder(
            folder,
            split,
            classifier,
            header,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    if note:
        record(path, note, evaluation, shlex.join(["perceiver", *sys.argv[1:]]))
    if output_format == "json":
        _print_json(evaluation)
    else:
        _print_table(evaluation)


def _progress():
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _print_json(evaluation: Evaluation) -> None:
    import json

    values = {
        "model": evaluation.model,
        **evaluation.figures(),
        "classes": evaluation.per_class(),
        "confusion": evaluation.confusion.tolist(),
        "failed_files": evaluation.failed,
    }
    typer.echo(json.dumps(values, ensure_ascii=False))


def _print_table(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    measures = evaluation.measures
    overall = Table(title=f"{evaluation.model} on {measures.items} items", title_justify="left")
    rows = [
        ("top-1", f"{measures.top1:.1%}"),
        ("top-5", f"{measures.top5:.1%}"),
        ("class mean", f"{measures.class_mean:.1%}"),
        ("calibration error", f"{measures.ece:.1%}"),
    ]
    if measures.kept is not None:
        rows.append(("confident", f"{measures.kept:.1%}"))
    overall.add_column("measure")
    overall.add_column("value", justify="right")
    for row in rows:
        overall.add_row(*row)
    console.print(overall)

    table = Table(title="Per class, worst first", title_justify="left")
    table.add_column("class", overflow="ellipsis", max_width=28)
    table.add_column("items", justify="right")
    table.add_column("found", justify="right")
    table.add_column("most often taken for", overflow="ellipsis", max_width=28)
    for entry in sorted(evaluation.per_class(), key=lambda e: e["recall"]):
        table.add_row(
            entry["label"], str(entry["items"]), f"{entry['recall']:.1%}", entry["taken_for"] or ""
        )
    console.print(table)
    for path in evaluation.failed:
        typer.echo(f"perceiver: {path}: could not be classified", err=True)
