"""Labelled folders: DIR/<class>/... or DIR/{train,val,test}/<class>/..."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.errors import UsageError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class LabelledFolder:
    """labels: the classes, in order of their ids; files: (path, class index), sorted by path."""

    labels: list[Label]
    files: list[tuple[Path, int]]


def read_folder(root: Path, split: str) -> LabelledFolder:
    """The files of one split. A folder that has no splits is one split by itself.

    A class is a folder; its id is the folder's name. `labels.tsv` beside the folders (id, tab,
    label) gives the words that people read; without it they come from the id.
    Raises UsageError if there is nothing to learn from.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: not a folder")
    base = root
    if any((root / name).is_dir() for name in SPLITS):
        base = root / split
        if not base.is_dir():
            raise UsageError(f"{root}: it has splits, but no {split}/")
    classes = sorted(p for p in base.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(classes) < 2:
        raise UsageError(f"{base}: needs two or more class folders, has {len(classes)}")
    words = _read_words(root / "labels.tsv")
    labels = [Label(p.name, words.get(p.name, p.name.replace("_", " "))) for p in classes]
    files = [
        (path, index)
        for index, folder in enumerate(classes)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    return LabelledFolder(labels, files)


def hold_out(
    folder: LabelledFolder, share: float, seed: int = 0
) -> tuple[LabelledFolder, LabelledFolder]:
    """Splits off a share of every class (at least one file of a class with four or more).

    Used to watch a training, fit its temperature and its threshold, so that val stays untouched.
    """
    rng = random.Random(seed)
    by_class: dict[int, list[tuple[Path, int]]] = {}
    for entry in folder.files:
        by_class.setdefault(entry[1], []).append(entry)
    kept, held = [], []
    for entries in by_class.values():
        count = max(1, round(share * len(entries))) if share and len(entries) >= 4 else 0
        chosen = set(rng.sample(range(len(entries)), count))
        for i, entry in enumerate(entries):
            (held if i in chosen else kept).append(entry)
    return LabelledFolder(folder.labels, kept), LabelledFolder(folder.labels, held)


def spread(folder: LabelledFolder, count: int) -> LabelledFolder:
    """At most `count` of the files, evenly spaced, so that every class has its share."""
    files = folder.files
    step = max(1.0, len(files) / count)
    chosen = [files[int(i * step + step / 2)] for i in range(min(count, len(files)))]
    return LabelledFolder(folder.labels, chosen)


def _read_words(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)
