"""Event detection in the mixes of `timeline` with EfficientAT instead of the bundled weights.

    python -m tests.benchmarks.timeline_efficientat NETWORK AUDIOSET OUTPUTS SOUNDS

NETWORK and AUDIOSET are those of weights/recipes/teach_sounds_efficientat.py, and OUTPUTS is the
folder that it wrote. Its linear head is fitted on all of SOUNDS/train, the settings of
inference/events.py are chosen on mixes of these clips, and the figures are measured on mixes of
SOUNDS/val: the mixes, windows and settings of `timeline`.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.preparation.base import Window
from tests.benchmarks import timeline
from tests.benchmarks.mixes import make_mixes

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipes"))
import teach_sounds_efficientat as recipe
from efficientat import EfficientAT, at_twice_the_rate

BATCH = 16


def scorer(network: Path, names: list[str], outputs: Path) -> tuple[timeline.Scorer, list[str]]:
    """A function of windows that gives their scores, and the classes."""
    with np.load(outputs / "heard_train.npz") as arrays:
        heard = recipe.Outputs(*(arrays[name] for name in recipe.Outputs._fields))
    kinds = [name.split("/")[0] for name in heard.files]
    classes = sorted(set(kinds))
    truth = torch.tensor([classes.index(kind) for kind in kinds])
    start = recipe.starts(heard.said, classes, names)
    usual = start.flatten(0, 1).median(0).values
    head = recipe.fit_on(heard, start - usual, truth, np.ones(len(kinds), bool))
    teacher = EfficientAT(network)

    def scores(windows: list[Window]) -> list[np.ndarray | None]:
        found: list[np.ndarray | None] = [None] * len(windows)
        loud = [i for i, window in enumerate(windows) if window.signal == "present"]
        for first in range(0, len(loud), BATCH):
            chosen = loud[first : first + BATCH]
            waves = np.stack([recipe.at_one_loudness(windows[i].arrays["audio"]) for i in chosen])
            features, said = teacher(at_twice_the_rate(waves))
            logits = head(features, recipe.starts(said.numpy(), classes, names) - usual)
            for i, row in zip(chosen, logits.softmax(1).double().numpy(), strict=True):
                found[i] = row
        return found

    return scores, classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("network", "audioset", "outputs", "sounds"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    with open(options.audioset, encoding="utf-8", newline="") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    torch.set_num_threads(2)
    scores, classes = scorer(options.network, names, options.outputs)
    labels = [Label(name, name) for name in classes]
    classifier = Classifier("sounds-47", attention=False, threads=2)
    window_s = classifier.header.recipe["window_s"]

    hop = min(timeline.HOPS)
    mixes = make_mixes(options.sounds / "train", 60, 1)
    finest = timeline.read_mixes(mixes, classifier, hop, scores)
    settings = timeline.choose(timeline.timelines_by_hop(finest, window_s), labels)
    mixes = make_mixes(options.sounds / "val", 200, 2)
    reads = timeline.read_mixes(mixes, classifier, settings.hop_s, scores)
    print(
        json.dumps(
            timeline.f1_scores([(r.mix, r.timeline(window_s)) for r in reads], labels, settings)
        )
    )


if __name__ == "__main__":
    main()
