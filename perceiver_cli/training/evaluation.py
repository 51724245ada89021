"""How good a checkpoint is on a labelled folder, measured through the same path users take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.checkpoints.card import add_to_card
from perceiver_cli.checkpoints.format import Label
from perceiver_cli.errors import UsageError
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.decoders import Decoder, InProcessDecoder
from perceiver_cli.modalities import part
from perceiver_cli.training.data.folder import LabelledFolder
from perceiver_cli.training.metrics import Measures, confusion, measure


@dataclass(frozen=True)
class Evaluation:
    """measures: overall; confusion: counts [classes, classes], true by predicted; failed: files
    that gave no prediction, by path. changed: the measures of the same files, changed (see
    changes.py), by change; unknown: of files of none of the classes, how many there were and which
    share was marked as unsure.
    """

    model: str
    labels: list[Label]
    measures: Measures
    confusion: np.ndarray
    failed: list[str]
    changed: dict[str, Measures] = field(default_factory=dict)
    unknown: dict[str, float] | None = None

    def per_class(self) -> list[dict[str, Any]]:
        """One entry per class that has items: how many, the share found, and what it is most
        often taken for.
        """
        entries = []
        for index, row in enumerate(self.confusion):
            if not row.sum():
                continue
            others = row.copy()
            others[index] = 0
            taken_for = int(others.argmax())
            entries.append(
                {
                    "id": self.labels[index].id,
                    "label": self.labels[index].label,
                    "items": int(row.sum()),
                    "recall": round(float(row[index] / row.sum()), 4),
                    "taken_for": self.labels[taken_for].label if others.any() else None,
                }
            )
        return entries

    def figures(self) -> dict[str, Any]:
        """The measures as the card and the JSON output have them."""
        figures: dict[str, Any] = self.measures.rounded() | {"failed": len(self.failed)}
        if self.changed:
            figures["changed"] = {name: found.rounded() for name, found in self.changed.items()}
        if self.unknown:
            figures["unknown"] = self.unknown
        return figures

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON types."""
        return {
            "model": self.model,
            **self.figures(),
            "classes": self.per_class(),
            "confusion": self.confusion.tolist(),
            "failed_files": self.failed,
        }

    def record(self, path: Path, name: str, command: str) -> None:
        """Writes the figures into the checkpoint's card under `name`, with the command."""
        add_to_card(path, "measured", name, self.figures() | {"command": command})


@dataclass(frozen=True)
class Wish:
    """What to measure: labelled files, and on request the same files changed, and files under
    `unknown` that are of none of the classes.
    """

    labelled: LabelledFolder
    changes: bool = False
    unknown: Path | None = None


def evaluate(wish: Wish, classifier: Classifier, tell: Callable[[], None]) -> Evaluation:
    """Classifies what is wished for with a classifier that was given its model.

    tell is called after every file. Raises UsageError if a class of the folder is unknown to the
    model or nothing could be classified.
    """
    found = _evaluate_files(wish.labelled, classifier, tell)
    if wish.changes:
        modality = classifier.header.recipe["modality"]
        changed = {
            name: _evaluate_files(
                wish.labelled,
                classifier,
                tell,
                InProcessDecoder(replace(classifier.preparer, corruption=corruption)),
            )
            for name, corruption in part(modality, "corruptions").items()
        }
        found = replace(found, changed={n: each.measures for n, each in changed.items()})
    if wish.unknown:
        found = replace(found, unknown=_evaluate_unknown(wish.unknown, classifier, tell))
    return found


def _evaluate_unknown(
    folder: Path, classifier: Classifier, tell: Callable[[], None]
) -> dict[str, float]:
    """The share of a folder's files, at any depth, that is marked as unsure."""
    unsure = []
    for result in classifier.stream(str(p) for p in sorted(folder.rglob("*")) if p.is_file()):
        if result.ok:
            unsure.append(result.confident is False)
        tell()
    if not unsure:
        raise UsageError(f"{folder}: nothing in it could be classified")
    return {"items": len(unsure), "unsure": round(float(np.mean(unsure)), 4)}


def _evaluate_files(
    labelled: LabelledFolder,
    classifier: Classifier,
    tell: Callable[[], None],
    decoder: Decoder | None = None,
) -> Evaluation:
    header = classifier.header
    index = {label.id: i for i, label in enumerate(header.labels)}
    unknown = [label.id for label in labelled.labels if label.id not in index]
    if unknown:
        raise UsageError(f"{header.name} does not know the class {unknown[0]}")
    classes = [index[label.id] for label in labelled.labels]
    scores, truth, failed = [], [], []
    results = classifier.stream((path for path, _ in labelled.files), decoder)
    pairs = zip(labelled.files, results, strict=True)
    for (path, own), result in pairs:
        if result.ok:
            row = np.zeros(len(header.labels))
            for prediction in result.predictions:
                row[prediction.index] = prediction.score
            scores.append(row)
            truth.append(classes[own])
        else:
            failed.append(str(path))
        tell()
    if not scores:
        raise UsageError("none of the files could be classified")
    table, true = np.array(scores), np.array(truth)
    return Evaluation(
        header.name,
        header.labels,
        measure(table, true, header.threshold),
        confusion(table.argmax(1), true, len(header.labels)),
        failed,
    )
