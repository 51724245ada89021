"""Trains everyday-av on clips that are rendered in memory, on the answers of two teachers.

    python train_clips.py both/ sounds/ --from pictures-200.safetensors --teacher teacher_both/
        --sound-teacher teacher_windows/ -o everyday-av.safetensors --steps 2900

both/train/<class>/* are squares of 64 pixels, and teacher_both/ is that of teach_pictures.py or
teach_photos.py; sounds/train/<class>/* are recordings, and teacher_windows/ is that of
teach_sounds_efficientat.py. The clips are those of pair_clips.py (see render.py), and others show
pictures of none of the kinds: their kind is the one that the teacher finds most likely. Sounds of
the same kind are drawn for every batch. --stills adds batches of still pictures.

The training starts from a checkpoint of pictures, whose classes' answers are averaged into the
kinds' answers, or goes on from a checkpoint that this recipe wrote. The new checkpoint has the
moving average of the weights. `perceiver train clips/ -o everyday-av.safetensors --refit-familiar`,
with the clips of pair_clips.py, completes it. An interrupted training starts again.
"""

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
from clip_batches import Clips, Sounds, chosen_pictures, pictures_by_kind, rendered
from render import JPEG, READ, SHOWN
from still_batches import ClipAndStillBatches, Stills
from teach_clips import EVERYDAY, KINDS, Known
from training_options import parse_training_call

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.format import (
    Checkpoint,
    Header,
    Label,
    load_checkpoint,
    save_checkpoint,
)
from perceiver_cli.device import pick_device
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.model.quantization.precision import pick_precision
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.hyperparameters import Hyperparameters
from perceiver_cli.training.loop import Progress, Training
from perceiver_cli.training.overrides import changed
from perceiver_cli.training.run import card_entries, origin_of
from perceiver_cli.training.warm_start import initial_recipe, load_matching_weights

REPORT_EVERY = 100  # steps


def build(initial: Checkpoint, labels: list[Label]) -> tuple[Adapter, Perceiver]:
    """The adapter, and the model with the weights that it starts from.

    Args:
        initial: A checkpoint of pictures, or of these clips.
        labels: The kinds.

    Returns:
        The adapter and the model.
    """
    recipe = asdict(build_adapter(initial_recipe("av", initial)).recipe)
    adapter = build_adapter(changed(recipe, {"audio.values": "cosines"}))
    config = replace(initial.header.model, classes=len(labels), streams=adapter.streams)
    model = Perceiver(config)
    load_matching_weights(model, adapter, [label.id for label in labels], initial)
    if initial.header.recipe["modality"] == "image":
        ids = [label.id for label in initial.header.labels]
        members = [[ids.index(name) for name in EVERYDAY[kind]["pictures"]] for kind in KINDS]
        with torch.no_grad():
            for name, own in model.readout.head.named_parameters():
                of_classes = initial.tensors[f"readout.head.{name}"]
                own.copy_(torch.stack([of_classes[classes].mean(0) for classes in members]))
    return adapter, model


def report(progress: Progress) -> None:
    """Prints the progress from time to time."""
    if progress.step % REPORT_EVERY == 0 or progress.share == 1:
        words = f"step {progress.step}, {progress.share:.1%}, loss {progress.loss:.3f}"
        print(f"{words}, {progress.items_per_s:.0f} clips/s", flush=True)


def main() -> None:
    """Reads the call, renders, trains and writes the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("--from", type=Path, required=True, dest="initial")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="of the pictures")
    parser.add_argument("--sound-teacher", type=Path, required=True)
    parser.add_argument(
        "--paired",
        type=Path,
        help="the pictures that pair_clips.py was called with; what it holds out is left out "
        "(default: PICTURES)",
    )
    parser.add_argument("--card", type=Path, help="a JSON object for the checkpoint's card")
    parser.add_argument("--clips", type=int, default=120_000)
    parser.add_argument("--others", type=float, default=0.2, help="share of clips of no kind")
    parser.add_argument(
        "--stills", type=float, default=0.0, help="share of the batches that show still pictures"
    )
    parser.add_argument(
        "--motionless", type=float, default=0.0, help="share of the clips whose camera stands still"
    )
    parser.add_argument(
        "--smallest-crop", type=float, default=0.35, help="of a clip, as a share of its area"
    )
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    call = parse_training_call(parser)
    device = pick_device(call.device)
    initial = load_checkpoint(call.initial)
    labels = [Label(kind.replace(" ", "_"), kind) for kind in KINDS]
    torch.manual_seed(call.seed)
    adapter, model = build(initial, labels)
    recipe = adapter.recipe
    if (recipe.size, recipe.jpeg, recipe.frames) != (READ, JPEG, len(SHOWN)):
        parser.error(
            f"{call.initial} does not read pictures of {READ} pixels as JPEG of quality {JPEG}"
        )

    sounds = Sounds(call.sounds, Known(call.sound_teacher, "sounds"), device)
    rng = np.random.default_rng(call.seed)
    by_kind = pictures_by_kind(call.pictures, call.paired or call.pictures)
    chosen = chosen_pictures(by_kind, call.clips, call.others, rng)
    kinds = torch.tensor([kind for _, kind in chosen], device=device)
    files = [file for file, _ in chosen]
    teacher = Known(call.teacher, "pictures")
    frames, logits = rendered(files, teacher, device)
    known = kinds >= 0
    right = float((logits.argmax(1) == kinds)[known].float().mean())
    print(f"{len(kinds)} clips, {int((~known).sum())} of no kind, teacher {right:.1%}", flush=True)
    kinds = torch.where(known, kinds, logits.argmax(1))

    hyperparameters = Hyperparameters(
        steps=call.steps,
        minutes=call.minutes,
        batch_size=call.batch_size,
        rate=call.rate,
        mixup=0.5,
        smoothing=0.0,
        precision=str(pick_precision("auto", device)).removeprefix("torch."),
        latent_share=0.5,
        element_share=0.5,
        teacher_share=0.9,
        seed=call.seed,
    )
    command = shlex.join(["python", *sys.argv])
    classes = kinds.cpu().numpy()
    cache = Cache({}, {}, classes, np.arange(len(classes)), [])
    with tempfile.TemporaryDirectory() as state:
        training = Training(
            model.to(device), adapter, cache, hyperparameters, Path(state), command=command
        )
        training.batches = ClipAndStillBatches(
            adapter, cache, hyperparameters, model.config, device
        )
        training.batches.rows = Clips(frames, logits, kinds, sounds, call.motionless)
        training.batches.augment.smallest_crop = call.smallest_crop
        if call.stills:
            training.batches.stills = Stills(by_kind, call.others, teacher, device)
            training.batches.share = call.stills
        training.run(report)
    header = Header(
        name=call.output.stem,
        model=model.config,
        recipe=asdict(recipe),
        labels=labels,
        card=(json.loads(call.card.read_text()) if call.card else {})
        | card_entries(training, len(classes))
        | {"from": origin_of(initial.header)},
    )
    weights = training.average.module.state_dict()
    tensors = {name: tensor.cpu() for name, tensor in weights.items()}
    call.output.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(call.output, Checkpoint(header, tensors))


if __name__ == "__main__":
    main()
