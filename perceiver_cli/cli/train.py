"""perceiver train: a labelled folder becomes a checkpoint."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

_DESCRIPTION = "Training"


def train(
    folder: Annotated[Path, typer.Argument(help="DIR/<class>/... or DIR/{train,val}/<class>/...")],
    modality: Annotated[
        str, typer.Option("--modality", "-m", help="image, audio, pointcloud, video or av.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The checkpoint to write (.safetensors).")
    ],
    run: Annotated[
        Path | None,
        typer.Option(help="Folder for decoded arrays and the resumable state. [OUTPUT.run]"),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="Begin from these weights (name, modality or file)."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget.", min=0.01)] = None,
    steps: Annotated[int | None, typer.Option(help="Step budget.", min=1)] = None,
    batch_size: Annotated[int, typer.Option(help="Items a step.", min=2)] = 64,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-3,
    decay: Annotated[float, typer.Option(help="Weight decay.")] = 0.05,
    balance: Annotated[
        float, typer.Option(help="0: files as they come; 1: every class equally often.")
    ] = 0.5,
    mixup: Annotated[float, typer.Option(help="Probability of a mixed batch.")] = 0.3,
    smoothing: Annotated[float, typer.Option(help="Label smoothing.")] = 0.1,
    latent_share: Annotated[
        float, typer.Option(help="Share of the latents used per step until the last fifth.")
    ] = 1.0,
    hold_out: Annotated[
        float, typer.Option(help="Share of the training files kept back for calibration.")
    ] = 0.05,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="model.NAME=VALUE or input.NAME=VALUE; repeatable."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="JSON file with data, licence and notes for the card.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Processor threads.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of weights and augmentation.")] = 0,
) -> None:
    """Train on a labelled folder. The same call again goes on where it was stopped.

    perceiver train pets/ --modality image --from image --minutes 5 -o pets.safetensors
    """
    from perceiver_cli.errors import UsageError

    if minutes is None and steps is None:
        raise UsageError("say how long to train: --minutes or --steps")

    import torch

    from perceiver_cli.checkpoints import registry
    from perceiver_cli.device import pick_precision
    from perceiver_cli.training.loop import Plan
    from perceiver_cli.training.run import Request
    from perceiver_cli.training.run import train as train_folder

    if threads:
        torch.set_num_threads(threads)
    kind = {"video": "av"}.get(modality, modality)
    chosen = pick_precision(precision, torch.device("cpu"))
    plan = Plan(
        minutes=minutes,
        steps=steps,
        batch=batch_size,
        rate=rate,
        decay=decay,
        balance=balance,
        mixup=mixup,
        smoothing=smoothing,
        latents=latent_share,
        precision=str(chosen).removeprefix("torch."),
        seed=seed,
    )
    described = json.loads(card.read_text(encoding="utf-8")) if card else {}
    request = Request(
        folder=folder,
        modality=kind,
        output=output,
        run=run or output.with_suffix(".run"),
        plan=plan,
        settings=_read_settings(settings or []),
        start=_start(start, registry) if start else None,
        held_out=hold_out,
        card=described | {"command": _own_command()},
    )
    with _Display() as display:
        header = train_folder(request, display.listener())
    for split, figures in header.card.get("measured", {}).items():
        typer.echo(
            f"{split}: top-1 {figures['top1']:.1%}, top-5 {figures['top5']:.1%}, "
            f"class mean {figures['class_mean']:.1%} of {figures['items']}"
        )
    typer.echo(f"wrote {output}")


def _start(name: str, registry: Any) -> Path:
    if name in registry.defaults():
        return registry.default_for(name)
    return registry.find(name)


def _read_settings(pairs: list[str]) -> dict[str, Any]:
    """["model.latents=48"] -> {"model.latents": 48}; values are JSON, or plain words."""
    from perceiver_cli.errors import UsageError

    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--set {pair}: write NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def _own_command() -> str:
    import shlex

    return shlex.join(["perceiver", *sys.argv[1:]])


class _Display:
    """Progress on stderr: a live bar on a terminal, a line every minute elsewhere."""

    def __enter__(self) -> _Display:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.bar.start()
        self.tasks: dict[str, Any] = {}
        self.loss: float | None = None
        self.told_s = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def listener(self) -> Any:
        from perceiver_cli.training.run import Listener

        return Listener(decoded=self._decoded, stepped=self._stepped)

    def _task(self, name: str) -> Any:
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(name, total=1.0, note="")
        return self.tasks[name]

    def _decoded(self, stage: str, done: int, total: int) -> None:
        self.bar.update(
            self._task(f"Decoding {stage}"), completed=done / total, note=f"{done}/{total}"
        )

    def _stepped(self, progress: Any) -> None:
        known = self.loss
        self.loss = progress.loss if known is None else 0.98 * known + 0.02 * progress.loss
        note = f"step {progress.step}  loss {self.loss:.3f}  {progress.items_per_s:.0f} items/s"
        self.bar.update(self._task(_DESCRIPTION), completed=progress.share, note=note)
        if not self.console.is_terminal and progress.elapsed_s - self.told_s >= 60:
            self.told_s = progress.elapsed_s
            typer.echo(f"{progress.elapsed_s / 60:6.1f} min  {note}", err=True)
