"""Labelled folders: DIR/<class>/... or DIR/{train,held,val,test}/<class>/..."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.labels import read_labels
from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.folders import walk

SPLITS = ("train", "held", "val", "test")


@dataclass(frozen=True)
class LabelledFolder:
    """A folder with one folder of files per class.

    Attributes:
        labels: The classes, in order of their ids.
        files: (path, class index), sorted by path.
    """

    labels: list[Label]
    files: list[tuple[Path, int]]


def read_folder(root: Path, split: str) -> LabelledFolder:
    """The files of one split. A folder without splits is read as a whole.

    A class is a folder, with all files below it; its id is the folder's name. `labels.tsv` beside
    the folders has the labels that people read; without it they come from the id.

    Args:
        root: The labelled folder.
        split: One of SPLITS.

    Returns:
        Its classes and files.

    Raises:
        UsageError: There are fewer than two classes, a class has no files, or labels.tsv cannot
            be used or has an id that is probably misspelt.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: not a folder")
    base = root
    if any((root / name).is_dir() for name in SPLITS):
        base = root / split
        if not base.is_dir():
            raise UsageError(f"{root} has splits, but no {split}/")
    classes = sorted(p for p in base.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(classes) < 2:
        raise UsageError(f"{base} must contain at least two class folders (found {len(classes)})")
    known = _own_labels(root)
    labels = [known.get(p.name) or Label(p.name, p.name.replace("_", " ")) for p in classes]
    files = []
    for index, folder in enumerate(classes):
        paths = sorted(Path(path) for path in walk(str(folder), FileFilter(recursive=True)))
        if not paths:
            raise UsageError(f"class {folder.name} has no files: {folder} is empty")
        files += [(path, index) for path in paths]
    return LabelledFolder(labels, files)


def _own_labels(root: Path) -> dict[str, Label]:
    """Id -> label, from labels.tsv, if there is one.

    It may lack classes of the folder, or have others, but not both: an id is then probably
    misspelt.
    """
    path = root / "labels.tsv"
    if not path.is_file():
        return {}
    labels = labels_by_id(path)
    splits = [root / split for split in SPLITS if (root / split).is_dir()]
    folders = {p.name for base in splits or [root] for p in base.iterdir() if p.is_dir()}
    unnamed = sorted(name for name in folders - set(labels) if not name.startswith("."))
    unused = [name for name in labels if name not in folders]
    if unnamed and unused:
        raise UsageError(
            f"{path} has no line for the class {unnamed[0]}, and its line {unused[0]} is of no "
            "class; is it misspelt?"
        )
    return labels


def training_files(
    root: Path, share: float, groups: str | None
) -> tuple[LabelledFolder, LabelledFolder]:
    """The files to train on, and those that are held out.

    Args:
        root: The labelled folder. Its held/ is held out, if there is one.
        share: Otherwise, see hold_out.
        groups: See hold_out.

    Returns:
        The files to train on, and those that are held out.

    Raises:
        UsageError: As read_folder and hold_out, or held/ has other classes than train/.
    """
    folder = read_folder(root, "train")
    if not (root / "held").is_dir():
        return hold_out(folder, share, groups)
    held = read_folder(root, "held")
    if held.labels != folder.labels:
        raise UsageError(f"{root}: held/ and train/ have different classes")
    return folder, held


def hold_out(
    folder: LabelledFolder, share: float, groups: str | None = None, seed: int = 0
) -> tuple[LabelledFolder, LabelledFolder]:
    """Holds out a share of every class, so that calibration does not use the val split.

    Args:
        folder: The folder to split.
        share: Share of each class's files; at least one file of a class with four or more.
        groups: A regular expression. Files of a class whose names match with the same text stay
            together, such as pieces of one recording; a file without a match is its own group.
        seed: Seed of the random choice.

    Returns:
        The files to train on, and those that are held out.

    Raises:
        UsageError: `groups` is not a regular expression.
    """
    try:
        pattern = re.compile(groups) if groups else None
    except re.error as error:
        raise UsageError(f"{groups}: not a regular expression ({error})") from None
    rng = random.Random(seed)
    by_class: dict[int, dict[str, list[tuple[Path, int]]]] = {}
    for path, index in folder.files:
        match = pattern.search(path.name) if pattern else None
        group = match.group() if match else str(path)
        by_class.setdefault(index, {}).setdefault(group, []).append((path, index))
    train, held = [], []
    for members in by_class.values():
        total = sum(map(len, members.values()))
        wanted = max(1, round(share * total)) if share and total >= 4 and len(members) > 1 else 0
        order = rng.sample(list(members), len(members))
        taken: list[tuple[Path, int]] = []
        while len(taken) < wanted and len(order) > 1:
            taken += members[order.pop()]
        held += taken
        train += [entry for group in order for entry in members[group]]
    return LabelledFolder(folder.labels, sorted(train)), LabelledFolder(folder.labels, sorted(held))


def evenly_spaced(folder: LabelledFolder, count: int) -> LabelledFolder:
    """Selects files evenly over the classes.

    Args:
        folder: The files, ordered by class.
        count: Maximum number of files.

    Returns:
        At most `count` of them, evenly spaced, so that every class has its share.
    """
    files = folder.files
    step = max(1.0, len(files) / count)
    chosen = [files[int(i * step + step / 2)] for i in range(min(count, len(files)))]
    return LabelledFolder(folder.labels, chosen)


def labels_by_id(path: Path) -> dict[str, Label]:
    """Id -> label, from a file of labels. Raises UsageError as read_labels."""
    return {label.id: label for label in read_labels(path)}
