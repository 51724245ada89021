"""Accuracy and calibration of a checkpoint on a labelled folder, measured with Classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.checkpoints.card import add_to_card
from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.decoders import Decoder, InProcessDecoder
from perceiver_cli.inference.decoding.items import FailedItem
from perceiver_cli.inputs.filters import FileFilter
from perceiver_cli.inputs.folders import walk
from perceiver_cli.modalities import part
from perceiver_cli.training.answers import (
    AnswerMeasures,
    add_calibration,
    measure_answers,
    measure_unknown,
)
from perceiver_cli.training.data.folder import LabelledFolder, labels_by_id
from perceiver_cli.training.data.usage import LeftOut, left_out_by_error, left_out_without_signal
from perceiver_cli.training.metrics import Measures, confusion, measure


@dataclass(frozen=True)
class Evaluation:
    """Figures of a checkpoint on labelled files.

    Attributes:
        model: The checkpoint's name.
        labels: Its classes.
        measures: The figures over all files.
        confusion: Counts [classes, classes], true by predicted.
        left_out: Files that gave no prediction: those that are passed over, as `train` passes
            them over, and those that failed.
        answers: Figures of the answers, by level.
        corrupted: The measures of the same files under each corruption, by its name.
        unknown: Folder name, or its path if several have that name -> figures of the answers for
            files of none of the classes, see measure_unknown.
    """

    model: str
    labels: list[Label]
    measures: Measures
    confusion: np.ndarray
    left_out: list[LeftOut]
    answers: AnswerMeasures
    corrupted: dict[str, Measures] = field(default_factory=dict)
    unknown: dict[str, dict[str, Any]] = field(default_factory=dict)

    def per_class(self) -> list[dict[str, Any]]:
        """One entry per class that has items.

        Each says how many were classified, failed and were passed over, the share found, and what
        the class is most often taken for.
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
                    "failed": sum(e.class_index == index for e in self._failed()),
                    "passed_over": sum(e.class_index == index for e in self._passed_over()),
                    "recall": round(float(row[index] / row.sum()), 4),
                    "taken_for": self.labels[taken_for].label if others.any() else None,
                }
            )
        return entries

    def figures(self) -> dict[str, Any]:
        """The measures as the card and the JSON output have them."""
        figures: dict[str, Any] = self.measures.rounded()
        figures["failed"] = len(self._failed())
        figures["passed_over"] = len(self._passed_over())
        figures["answers"] = self.answers.rounded()
        if self.corrupted:
            figures["robustness"] = {
                name: measures.rounded() for name, measures in self.corrupted.items()
            }
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
            "failed_files": _to_dicts(self._failed()),
            "passed_over_files": _to_dicts(self._passed_over()),
        }

    def _failed(self) -> list[LeftOut]:
        return [entry for entry in self.left_out if entry.kind != "passed_over"]

    def _passed_over(self) -> list[LeftOut]:
        return [entry for entry in self.left_out if entry.kind == "passed_over"]

    def record(self, path: Path, name: str, command: str) -> None:
        """Writes the figures into the checkpoint's card.

        Args:
            path: The checkpoint.
            name: The name of the measured files on the card.
            command: The command that measures them.

        Raises:
            CheckpointError: The file is not a checkpoint.
            OSError: It cannot be written.
        """
        add_to_card(path, "measured", name, self.figures() | {"command": command})


def _to_dicts(entries: list[LeftOut]) -> list[dict[str, str]]:
    return [{"path": e.path, "kind": e.kind, "message": e.reason} for e in entries]


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes:
        labelled: The labelled files.
        robustness: Whether to measure the same files under corruptions too.
        unknown: Folders of files that are of none of the classes. A labels.tsv in one says of what
            group and kind they are, by the name of the folder that each is in.
        fail_fast: Whether to stop at the first broken file.
    """

    labelled: LabelledFolder
    robustness: bool = False
    unknown: Sequence[Path] = ()
    fail_fast: bool = False


def evaluate(
    options: EvaluationOptions, classifier: Classifier, on_file: Callable[[], None]
) -> Evaluation:
    """Measures the model that a classifier was given.

    Args:
        options: The options of the evaluation.
        classifier: Has one model, all predictions and no minimum score.
        on_file: Called after every file.

    Returns:
        The figures, and the files that could not be classified.

    Raises:
        UsageError: The model does not know a class of the folder, or no file of a class could be
            classified.
        InputError: A file is broken, and the options say to stop at one.
    """
    evaluation = _evaluate_files(options, classifier, on_file)
    if options.robustness:
        modality = classifier.header.recipe["modality"]
        corrupted = {
            name: _evaluate_files(
                options,
                classifier,
                on_file,
                InProcessDecoder(replace(classifier.preparer, corruption=corruption)),
            )
            for name, corruption in part(modality, "corruptions").items()
        }
        measures = {name: each.measures for name, each in corrupted.items()}
        evaluation = replace(evaluation, corrupted=measures)
    unknown = {
        name: _evaluate_unknown(folder, classifier, on_file)
        for name, folder in zip(_names(options.unknown), options.unknown, strict=True)
    }
    return replace(evaluation, unknown=unknown)


def _names(folders: Sequence[Path]) -> list[str]:
    """The names of folders; the path of each whose name another has too."""
    names = [folder.resolve().name for folder in folders]
    return [
        name if names.count(name) == 1 else str(folder)
        for name, folder in zip(names, folders, strict=True)
    ]


def _evaluate_unknown(
    folder: Path, classifier: Classifier, on_file: Callable[[], None]
) -> dict[str, Any]:
    """Figures of the answers for a folder's files, at any depth."""
    labels = folder / "labels.tsv"
    classified = []
    for result in classifier.stream(walk(str(folder), FileFilter(recursive=True))):
        if result.ok:
            classified.append(replace(result, predictions=[], attention=None))
        on_file()
    if not classified:
        raise UsageError(f"{folder}: none of its files could be classified")
    return measure_unknown(classified, labels_by_id(labels) if labels.is_file() else {})


def _evaluate_files(
    options: EvaluationOptions,
    classifier: Classifier,
    on_file: Callable[[], None],
    decoder: Decoder | None = None,
) -> Evaluation:
    labelled, header = options.labelled, classifier.header
    index = {label.id: i for i, label in enumerate(header.labels)}
    for label in labelled.labels:
        if label.id not in index:
            raise UsageError(f"{header.name} does not know the class {label.id}")
    classes = [index[label.id] for label in labelled.labels]
    scores, truth, answered = [], [], []
    left_out: list[LeftOut] = []
    results = classifier.stream_items((path for path, _ in labelled.files), decoder)
    for (path, folder_class), (item, result) in zip(labelled.files, results, strict=True):
        on_file()
        if result.ok and result.has_signal:
            row = np.zeros(len(header.labels))
            for prediction in result.predictions:
                row[prediction.index] = prediction.score
            scores.append(row)
            answered.append(replace(result, predictions=[], attention=None))
            truth.append(classes[folder_class])
            continue
        if result.ok:
            entry = left_out_without_signal(str(path), classes[folder_class], result.signal)
            left_out.append(entry)
            continue
        assert isinstance(item, FailedItem)
        entry = left_out_by_error(item.source, classes[folder_class], item.error)
        left_out.append(entry)
        if options.fail_fast and entry.kind == "broken":
            raise InputError(item.error.kind, f"{path}: {item.error.message}")
    for missing in {classes[folder_class] for _, folder_class in labelled.files} - set(truth):
        first = next(entry for entry in left_out if entry.class_index == missing)
        raise UsageError(
            f"no file of class {header.labels[missing].id} could be classified "
            f"({first.path}: {first.reason})"
        )
    table, true = np.array(scores), np.array(truth)
    tree = LabelTree(header.labels, header.level_temperatures)
    answers = measure_answers(answered, true, header.labels, classifier.sure)
    return Evaluation(
        header.name,
        header.labels,
        measure(table, true, classifier.sure),
        confusion(table.argmax(1), true, len(header.labels)),
        left_out,
        add_calibration(answers, table, true, tree),
    )
