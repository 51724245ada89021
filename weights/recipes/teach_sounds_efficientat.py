"""Let EfficientAT teach: cross-fitted logits and features for windows of every training sound.

    python teach_sounds_efficientat.py mn04_as_mAP_432.pt class_labels_indices.csv sounds/ teacher/

Needs `numpy torch soundfile` and:

- mn04_as_mAP_432.pt: EfficientAT's mn04_as (MIT), trained on AudioSet; see efficientat.py.
- class_labels_indices.csv: AudioSet's classes (index, mid, display_name), in the network's order.
- sounds/train/<class>/*.ogg and sounds/val/<class>/*.ogg, 16 kHz mono.

1. Every clip is brought to one loudness and repeated to 5 s, and cut into windows of 2 s, one
   every half second. The teacher's features of each are its 512 channels before the last layer.
2. Class scores begin as what the teacher's own AudioSet classes say (audioset_near.json), so that
   a class which has one recordist here is still known from others. To them a linear head on the
   standardised features is added, fitted on four fifths of the recordings with each class weighing
   the same, and the rest is judged, five times over: no clip by a head that heard its recording.
3. teacher/files.txt lists the clips as `<class>/<name>`; in that order teacher/logits.npy holds
   float16 [clips, classes, 1, windows], half of each the clip's mean, and teacher/features.npy
   float16 [clips, 512, 1, windows], standardised.

It also says how many of sounds/val a head fitted on all of sounds/train knows. Features are kept in
teacher/heard_*.npz, and used again if they are of the same clips.
"""

import argparse
import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
from efficientat import EfficientAT, at_twice_the_rate
from torch.nn import functional

RATE = 16000
CLIP, WINDOW, HOP = 5 * RATE, 2 * RATE, RATE // 2
WINDOWS = 1 + (CLIP - WINDOW) // HOP
FOLDS = 5
# Ten times less knows as many clips of the sources here, but fewer of sources that it left out.
DECAY = 1e-2
RECORDING = r"^(us8k_\d+|k20_\d+_[^_]+|esc_\d-\d+|sh_[a-z]+_\d+|sc_.*_[0-9a-f]{8}|[a-z]+_.*)"
NEAR = Path(__file__).with_name("audioset_near.json")


class Heard(NamedTuple):
    """Of clips: files, `<class>/<name>`; features float16 [clips, WINDOWS, 512]; said, AudioSet
    logits float16 [clips, WINDOWS, 527]; loud, bool [clips, WINDOWS]: where there is some sound.
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
        """features [..., 512] and the scores to begin from [..., classes] -> logits."""
        return (features - self.mean) / self.deviation @ self.weight + self.bias + start


def listing(folder: Path) -> list[str]:
    """`<class>/<name>` of every clip, by class folder, then name."""
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir())
    return [f"{c}/{p.name}" for c in classes for p in sorted((folder / c).glob("*.ogg"))]


def windows(sound: np.ndarray) -> np.ndarray:
    """float32 [any S] -> float32 [WINDOWS, WINDOW], the clip at one loudness and repeated."""
    louder = np.sort(np.square(sound))[len(sound) // 2 :]
    clip = np.resize(np.clip(sound * 0.1 / np.sqrt(louder.mean() + 1e-10), -1, 1), CLIP)
    return np.stack([clip[HOP * i : HOP * i + WINDOW] for i in range(WINDOWS)]).astype(np.float32)


def hear(teacher: EfficientAT, folder: Path, kept: Path) -> Heard:
    """What the teacher makes of a folder's clips. ValueError for another rate or more channels."""
    files = listing(folder)
    if kept.exists():
        with np.load(kept) as arrays:
            rows = {name: row for row, name in enumerate(arrays["files"])}
            if all(name in rows for name in files):
                where = [rows[name] for name in files]
                return Heard(*(arrays[name][where] for name in Heard._fields))
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
    heard = Heard(np.array(files), np.array(features), np.array(said), np.array(loud))
    np.savez(kept, **heard._asdict())
    return heard


def starts(said: np.ndarray, classes: list[str], names: list[str]) -> torch.Tensor:
    """AudioSet logits [..., 527] -> [..., classes]: the most that is said of each one's near ones.

    0 for a class that has none.
    """
    near = json.loads(NEAR.read_text())
    out = torch.zeros(*said.shape[:-1], len(classes))
    for index, name in enumerate(classes):
        if columns := [names.index(each) for each in near[name]]:
            out[..., index] = torch.from_numpy(said[..., columns].max(-1).astype(np.float32))
    return out


def folds(files: np.ndarray, labels: np.ndarray, recording: str) -> np.ndarray:
    """Fold of each file: whole recordings, largest first, to the fold with least of the class."""
    members = defaultdict(list)
    for i, name in enumerate(files):
        base = name.split("/")[1]
        found = re.search(recording, base)
        members[found[0] if found else base].append(i)
    fold = np.zeros(len(files), int)
    held = np.zeros((FOLDS, labels.max() + 1))
    draw = np.random.default_rng(0)
    groups = [members[k] for k in sorted(members)]
    for g in sorted((groups[i] for i in draw.permutation(len(groups))), key=len, reverse=True):
        main = np.bincount(labels[g]).argmax()
        best = min(range(FOLDS), key=lambda f: (held[f, main], held[f].sum()))
        fold[g] = best
        np.add.at(held[best], labels[g], 1)
    return fold


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


def fit_on(heard: Heard, start: torch.Tensor, y: torch.Tensor, which: np.ndarray) -> Head:
    """A head fitted on every window with sound of some of the clips."""
    loud = torch.from_numpy(heard.loud[which])
    x = torch.from_numpy(heard.features[which]).float()[loud]
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


def crossfit(heard: Heard, start: torch.Tensor, y: torch.Tensor, fold: np.ndarray) -> torch.Tensor:
    """Logits [clips, WINDOWS, classes] of heads that did not hear the clip's recording."""
    logits = torch.zeros(*start.shape)
    for f in range(FOLDS):
        head, rest = fit_on(heard, start, y, fold != f), fold == f
        logits[rest] = head(torch.from_numpy(heard.features[rest]).float(), start[rest])
    return logits


def main() -> None:
    """Reads the call, listens, fits and writes the logits and features."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("audioset", type=Path)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("teacher", type=Path)
    parser.add_argument("--recording", default=RECORDING, help="what names one recording (regex)")
    args = parser.parse_args()
    args.teacher.mkdir(parents=True, exist_ok=True)
    teacher = EfficientAT(args.network)
    with open(args.audioset, encoding="utf-8", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]

    heard = hear(teacher, args.sounds / "train", args.teacher / "heard_train.npz")
    kinds = [name.split("/")[0] for name in heard.files]
    classes = sorted(set(kinds))
    y = torch.tensor([classes.index(kind) for kind in kinds])
    start = starts(heard.said, classes, names)
    usual = start.flatten(0, 1).median(0).values
    start = start - usual
    logits = crossfit(heard, start, y, folds(heard.files, y.numpy(), args.recording))

    mean = of_clips(logits, heard.loud).unsqueeze(1)
    class_mean, top1, nats = score(mean.squeeze(1), y)
    print(f"train, cross-fitted: class mean {class_mean:.3f}, top-1 {top1:.3f}, loss {nats:.3f}")
    told = ((logits + mean) / 2).permute(0, 2, 1).unsqueeze(2)
    features = torch.from_numpy(heard.features).float()
    features = (features - features.mean((0, 1))) / (features.std((0, 1)) + 1e-3)
    (args.teacher / "files.txt").write_text("".join(f"{name}\n" for name in heard.files))
    np.save(args.teacher / "logits.npy", told.half().numpy())
    np.save(args.teacher / "features.npy", features.half().permute(0, 2, 1).unsqueeze(2).numpy())

    other = hear(teacher, args.sounds / "val", args.teacher / "heard_val.npz")
    truth = torch.tensor([classes.index(name.split("/")[0]) for name in other.files])
    beginning = starts(other.said, classes, names) - usual
    head = fit_on(heard, start, y, np.ones(len(y), bool))
    answers = head(torch.from_numpy(other.features).float(), beginning)
    for what, said in (("AudioSet's classes alone", beginning), ("the head", answers)):
        class_mean, top1, _ = score(of_clips(said, other.loud), truth)
        print(f"val, {what}: class mean {class_mean:.3f}, top-1 {top1:.3f}")


if __name__ == "__main__":
    main()
