"""Trains shapes-40 on the labels of shapes and on the answers of GDANet, see gdanet.py.

    python train_shapes.py shapes/ GDANet_ModelNet40_93.4.t7 -o shapes-40.safetensors --steps 24000

shapes/ is that of arrange_modelnet40.py. First the teacher answers --views changed training shapes.
In training, two fifths of each batch are such views, and the others are changed labelled shapes;
see shape_batches.py. The moving average of the weights is measured ten times on the held-out
shapes: as they are, without a fifth, and turned. The checkpoint has the one with the highest mean
accuracy.
`perceiver train shapes/ -o shapes-40.safetensors --refit-familiar` completes it.

Decoded files are kept in OUTPUT.run. An interrupted training starts again.
"""

import argparse
import json
import shlex
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
from gdanet import GDANet
from shape_batches import ShapeBatches
from training_options import parse_training_call

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.checkpoints.format import Checkpoint, Header, save_checkpoint
from perceiver_cli.device import pick_device
from perceiver_cli.media.types import PointCloud
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.model.quantization.precision import pick_precision
from perceiver_cli.preparation.pointcloud import PointCloudPreparation
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.data.decode import load_or_decode
from perceiver_cli.training.data.folder import training_files
from perceiver_cli.training.hyperparameters import Hyperparameters
from perceiver_cli.training.loop import Progress, Training
from perceiver_cli.training.outputs import read_windows
from perceiver_cli.training.robustness.shapes import CORRUPTIONS
from perceiver_cli.training.run import card_entries

HOLD_OUT = 0.05  # the default of `perceiver train`
MEASUREMENTS = 10  # of the moving average


@dataclass
class Selection:
    """Keeps the moving average with the highest accuracy on the held-out shapes.

    Attributes:
        header: The checkpoint's, without what the card says of every training.
        items: Number of shapes that are learned from.
        output: Where the checkpoint is written.
        adapter: Makes the byte arrays.
        held: Held-out shapes, by what was done to them.
        measurements: How often the average was measured.
        best: The highest mean accuracy.
    """

    header: Header
    items: int
    output: Path
    adapter: Adapter
    held: dict[str, Cache]
    measurements: int = 0
    best: float = -1.0

    def on_step(self, training: Training, progress: Progress) -> None:
        """Measures the average when the next tenth of the training is done."""
        if progress.share * MEASUREMENTS < self.measurements + 1:
            return
        self.measurements = int(progress.share * MEASUREMENTS)
        average = training.average.module
        found = {}
        for name, cache in self.held.items():
            logits = read_windows(average, self.adapter, cache).logits
            found[name] = float((logits.argmax(1) == cache.classes).mean())
        mean = sum(found.values()) / len(found)
        figures = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in found.items())
        words = f"step {progress.step}, loss {progress.loss:.3f}, average: {figures}"
        print(words + (", kept" if mean > self.best else ""), flush=True)
        if mean > self.best:
            self.best = mean
            self._write(training)

    def _write(self, training: Training) -> None:
        card = self.header.card | card_entries(training, self.items)
        weights = training.average.module.state_dict()
        tensors = {name: tensor.cpu() for name, tensor in weights.items()}
        save_checkpoint(self.output, Checkpoint(replace(self.header, card=card), tensors))


def with_corruptions(held: Cache, preparation: PointCloudPreparation) -> dict[str, Cache]:
    """The held-out shapes as they are, and under two of evaluate's corruptions."""
    rng = np.random.default_rng(0)
    caches = {"held out": held}
    for name in ("a fifth hidden", "turned about the vertical"):
        shapes = []
        for points in held.streams["pointcloud"]:
            cloud = PointCloud(points.astype(float), "cloud", "z", len(points), 0)
            (window,) = preparation.windows(CORRUPTIONS[name](cloud, rng))
            shapes.append(window.arrays["pointcloud"])
        caches[name] = replace(held, streams={"pointcloud": np.stack(shapes)})
    return caches


def main() -> None:
    """Reads the call, trains and writes the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--card", type=Path, help="a JSON object for the checkpoint's card")
    parser.add_argument("--views", type=int, default=73_472, help="that the teacher answers")
    call = parse_training_call(parser)
    device = pick_device(call.device)

    adapter = build_adapter({"modality": "pointcloud"})
    run = call.output.with_suffix(".run")
    run.mkdir(parents=True, exist_ok=True)
    files, held_files = training_files(call.shapes, HOLD_OUT, None)
    cache = load_or_decode(run / "train", files, adapter.recipe, lambda done, total: None)
    held = load_or_decode(run / "held", held_files, adapter.recipe, lambda done, total: None)
    print(f"{len(cache)} shapes, {len(held)} held out", flush=True)
    teacher = GDANet(call.teacher, device)
    if teacher.classes != len(files.labels):
        parser.error(f"{call.shapes} does not have the teacher's {teacher.classes} classes")

    hyperparameters = Hyperparameters(
        steps=call.steps,
        minutes=call.minutes,
        batch_size=call.batch_size,
        rate=3e-3,
        decay=0.1,
        ema_decay=0.9995,
        latent_share=0.5,
        precision=str(pick_precision("auto", device)).removeprefix("torch."),
    )
    torch.manual_seed(hyperparameters.seed)
    config = PerceiverConfig(
        adapter.streams, len(files.labels), latents=96, width=224, cross_attends=3, layers=2
    )
    batches = ShapeBatches(adapter, cache, hyperparameters, config, device)
    model = Perceiver(config).to(device)
    batches.answer(teacher, call.views)
    header = Header(
        name=call.output.stem,
        model=config,
        recipe=asdict(adapter.recipe),
        labels=files.labels,
        card=json.loads(call.card.read_text()) if call.card else {},
    )
    command = shlex.join(["python", *sys.argv])
    corrupted = with_corruptions(held, PointCloudPreparation(adapter.recipe))
    selection = Selection(header, len(cache), call.output, adapter, corrupted)
    with tempfile.TemporaryDirectory() as state:
        training = Training(model, adapter, cache, hyperparameters, Path(state), command=command)
        training.batches = batches
        training.run(lambda progress: selection.on_step(training, progress))


if __name__ == "__main__":
    main()
