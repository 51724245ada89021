"""perceiver demo: classifies the bundled samples."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def demo() -> None:
    """Classify the bundled sample of every modality.

    \b
    Example:
      perceiver demo
    """
    from dataclasses import replace

    from perceiver_cli.choices import Format
    from perceiver_cli.cli.exit_codes import INPUT_FAILED
    from perceiver_cli.cli.messages import print_message
    from perceiver_cli.cli.process import set_up
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.report import writer_for

    paths = sorted(p for p in SAMPLES.iterdir() if _is_sample(p)) if SAMPLES.is_dir() else []
    if not paths:
        print_message(f"{SAMPLES}: no samples found")
        raise typer.Exit(INPUT_FAILED)
    failed = False
    set_up()
    writer = writer_for(Format.table, sys.stdout, many=False)
    writer.begin()
    for result in Classifier().stream(paths):
        name = Path(result.path).name
        if not result.ok:
            failed = True
            print_message(f"{name}: {result.error.message}")
        writer.write(replace(result, path=name))
    writer.end()
    print(f"\nThe samples are in {SAMPLES}")
    if failed:
        raise typer.Exit(INPUT_FAILED)


def _is_sample(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".md", ".py") and not path.name.startswith(".")
