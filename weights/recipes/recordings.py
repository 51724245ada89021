"""Folds of sound clips for cross-fitting: clips of one recording share a fold."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

FOLDS = 5
RECORDING = (
    r"^(new_[^-]+|us8k_\d+|k20_\d+_[^_]+|esc_\d-\d+|sh_[a-z]+_\d+|sc_.*_[0-9a-f]{8}|[a-z]+_.*)"
)


def listing(folder: Path) -> list[str]:
    """`<class>/<name>` of every clip, by class folder, then name."""
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir())
    return [f"{c}/{p.name}" for c in classes for p in sorted((folder / c).glob("*.ogg"))]


def folds(files: Sequence[str], labels: np.ndarray, recording: str) -> np.ndarray:
    """Fold of each file. Recordings, the largest first, go to the fold with least of their class.

    recording: a regular expression for what the names of one recording's clips share.
    """
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
