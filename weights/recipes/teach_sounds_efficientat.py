"""Computes a teacher's logits and features for windows of every training sound (EfficientAT).

    python teach_sounds_efficientat.py mn04_as_mAP_432.pt class_labels_indices.csv sounds/ teacher/

Needs `numpy torch soundfile` and:

- mn04_as_mAP_432.pt: EfficientAT's mn04_as (MIT), trained on AudioSet; see efficientat.py.
- class_labels_indices.csv: AudioSet's classes (index, mid, display_name), in the network's order.
- sounds/train/<class>/*.ogg and sounds/val/<class>/*.ogg, 16 kHz mono.

1. Every clip is brought to one loudness and repeated to 5 s, and cut into windows of 2 s, one
   every half second. The teacher's features of each are its 512 channels before the last layer.
2. The initial class scores are those of the related AudioSet classes (audioset_near.json), so
   that a class with a single recordist here generalises to others. A linear head on the
   standardised features is added to them. It is cross-fitted in five folds of recordings, with
   equal weights for classes: no clip is scored by a head that was fitted on its recording.
3. teacher/files.txt lists the clips as `<class>/<name>`; in that order teacher/logits.npy holds
   float16 [clips, classes, 1, windows], half of each the clip's mean, and teacher/features.npy
   float16 [clips, 512, 1, windows], standardised.

It also prints the accuracy on sounds/val of a head fitted on all of sounds/train. The network's
outputs are cached in teacher/heard_*.npz.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from efficientat import EfficientAT, at_twice_the_rate
from recordings import FOLDS, RECORDING, folds, listing
from torch.nn import functional

RATE = 16000
CLIP, WINDOW, HOP = 5 * RATE, 2 * RATE, RATE // 2
WINDOWS = 1 + (CLIP - WINDOW) // HOP
# Ten times less knows as many clips of the sources here, but fewer of sources that it left out.
DECAY = 1e-2
NEAR = Path(__file__).with_name("audioset_near.json")


class Outputs(NamedTuple):
    """The teacher's outputs for a folder's clips.

    files: `<class>/<name>`; features: float16 [clips, WINDOWS, 512]; said: AudioSet logits float16
    [clips, WINDOWS, 527]; loud: bool [clips, WINDOWS], which windows hold sound.
    """

    files: np.ndarray
    features: np.ndarray
    said: np.ndarray
    loud: np.ndarray


class Head(NamedTuple):
    """mean, deviation: [512], of features; weight [512, classes], bias [classes]."""

    mean: torch.Tensor
    deviation: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def __call__(self, features: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Features [..., 512] and initial scores [..., classes] -> logits."""
        return (features - self.mean) / self.deviation @ self.weight + self.bias + start


def at_one_loudness(sound: np.ndarray) -> np.ndarray:
    """[S] -> [S], whose louder half has a root mean square of 0.1."""
    louder = np.sort(np.square(sound))[len(sound) // 2 :]
    return np.clip(sound * 0.1 / np.sqrt(louder.mean() + 1e-10), -1, 1)


def windows(sound: np.ndarray) -> np.ndarray:
    """float32 [S] -> float32 [WINDOWS, WINDOW], normalised in loudness and repeated."""
    clip = np.resize(at_one_loudness(sound), CLIP)
    return np.stack([clip[HOP * i : HOP * i + WINDOW] for i in range(WINDOWS)]).astype(np.float32)


def run_teacher(teacher: EfficientAT, folder: Path, kept: Path) -> Outputs:
    """The teacher's outputs for a folder. Raises ValueError for clips not at RATE or not mono."""
    files = listing(folder)
    if kept.exists():
        with np.load(kept) as arrays:
            rows = {name: row for row, name in enumerate(arrays["files"])}
            if all(name in rows for name in files):
                where = [rows[name] for name in files]
                return Outputs(*(arrays[name][where] for name in Outputs._fields))
    features, said, loud = [], [], []
    for number, name in enumerate(files):
        sound, rate = soundfile.read(folder / name, dtype="float32")
        if rate != RATE or sound.ndim != 1 or not len(sound):
            raise ValueError(f"{name}: not {RATE} Hz mono")
        cut = windows(sound)
        own, logits = teacher(at_twice_the_rate(cut))
        features.append(own.half().numpy())
        said.append(logits.half().numpy())
        power = np.square(cut).mean(1)
        loud.append(power > 1e-3 * power.max())
        if number % 500 == 0:
            print(f"{folder.name}: {number} of {len(files)}", flush=True)
    outputs = Outputs(np.array(files), np.array(features), np.array(said), np.array(loud))
    np.savez(kept, **outputs._asdict())
    return outputs


def starts(said: np.ndarray, classes: list[str], names: list[str]) -> torch.Tensor:
    """Initial scores: AudioSet logits [..., 527] -> the maximum over each class's related ones.

    0 for a class without related ones.
    """
    near = json.loads(NEAR.read_text())
    out = torch.zeros(*said.shape[:-1], len(classes))
    for index, name in enumerate(classes):
        if columns := [names.index(each) for each in near[name]]:
            out[..., index] = torch.from_numpy(said[..., columns].max(-1).astype(np.float32))
    return out


def fit(x: torch.Tensor, start: torch.Tensor, y: torch.Tensor) -> Head:
    """The head with the least class-balanced cross-entropy + DECAY times its squared weights.

    x: [items, 512]; start: [items, classes]; y: int [items].
    """
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / deviation
    shares = 1 / torch.bincount(y, minlength=start.shape[1]).clamp_min(1)[y]
    shares = shares / shares.sum()
    weight = torch.zeros(x.shape[1], start.shape[1], requires_grad=True)
    bias = torch.zeros(start.shape[1], requires_grad=True)
    search = torch.optim.LBFGS(
        [weight, bias], max_iter=60, history_size=8, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        search.zero_grad()
        logits = x @ weight + bias + start
        nats = functional.cross_entropy(logits, y, reduction="none") @ shares
        value = nats + DECAY * weight.square().sum()
        value.backward()
        return value

    search.step(loss)
    return Head(mean, deviation, weight.detach(), bias.detach())


def fit_on(outputs: Outputs, start: torch.Tensor, y: torch.Tensor, which: np.ndarray) -> Head:
    """A head fitted on every window with sound of some of the clips."""
    loud = torch.from_numpy(outputs.loud[which])
    x = torch.from_numpy(outputs.features[which]).float()[loud]
    labels = y[which].unsqueeze(1).expand(-1, WINDOWS)[loud]
    return fit(x, start[which][loud], labels)


def of_clips(logits: torch.Tensor, loud: np.ndarray) -> torch.Tensor:
    """The mean over windows with sound: [clips, WINDOWS, classes] -> [clips, classes]."""
    share = torch.from_numpy(loud).float()
    return torch.einsum("nwc,nw->nc", logits, share / share.sum(1, keepdim=True))


def score(logits: torch.Tensor, y: torch.Tensor) -> tuple[float, float, float]:
    """(class-mean accuracy, accuracy, class-balanced cross-entropy)."""
    right = (logits.argmax(1) == y).float()
    nats = functional.cross_entropy(logits, y, reduction="none")
    present = y.unique()
    means = [torch.stack([of[y == c].mean() for c in present]).mean() for of in (right, nats)]
    return float(means[0]), float(right.mean()), float(means[1])


def crossfit(
    outputs: Outputs, start: torch.Tensor, y: torch.Tensor, fold: np.ndarray
) -> torch.Tensor:
    """Logits [clips, WINDOWS, classes] of heads that were not fitted on the clip's recording."""
    logits = torch.zeros(*start.shape)
    for f in range(FOLDS):
        head, rest = fit_on(outputs, start, y, fold != f), fold == f
        logits[rest] = head(torch.from_numpy(outputs.features[rest]).float(), start[rest])
    return logits


def main() -> None:
    """Runs the teacher, fits the head and writes logits and features."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("audioset", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument(
        "--recording", default=RECORDING, help="regular expression for the name of a recording"
    )
    args = parser.parse_args()
    args.teacher.mkdir(parents=True, exist_ok=True)
    teacher = EfficientAT(args.network)
    with open(args.audioset, encoding="utf-8", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]

    outputs = run_teacher(teacher, args.sounds / "train", args.teacher / "heard_train.npz")
    kinds = [name.split("/")[0] for name in outputs.files]
    classes = sorted(set(kinds))
    y = torch.tensor([classes.index(kind) for kind in kinds])
    start = starts(outputs.said, classes, names)
    usual = start.flatten(0, 1).median(0).values
    start = start - usual
    logits = crossfit(outputs, start, y, folds(outputs.files, y.numpy(), args.recording))

    mean = of_clips(logits, outputs.loud).unsqueeze(1)
    class_mean, top1, nats = score(mean.squeeze(1), y)
    print(f"train, cross-fitted: class mean {class_mean:.3f}, top-1 {top1:.3f}, loss {nats:.3f}")
    targets = ((logits + mean) / 2).permute(0, 2, 1).unsqueeze(2)
    features = torch.from_numpy(outputs.features).float()
    features = (features - features.mean((0, 1))) / (features.std((0, 1)) + 1e-3)
    (args.teacher / "files.txt").write_text("".join(f"{name}\n" for name in outputs.files))
    np.save(args.teacher / "logits.npy", targets.half().numpy())
    np.save(args.teacher / "features.npy", features.half().permute(0, 2, 1).unsqueeze(2).numpy())

    other = run_teacher(teacher, args.sounds / "val", args.teacher / "heard_val.npz")
    truth = torch.tensor([classes.index(name.split("/")[0]) for name in other.files])
    beginning = starts(other.said, classes, names) - usual
    head = fit_on(outputs, start, y, np.ones(len(y), bool))
    answers = head(torch.from_numpy(other.features).float(), beginning)
    for what, said in (("only AudioSet's classes", beginning), ("the head", answers)):
        class_mean, top1, _ = score(of_clips(said, other.loud), truth)
        print(f"val, {what}: class mean {class_mean:.3f}, top-1 {top1:.3f}")


if __name__ == "__main__":
    main()
