"""Accuracy of the answers at each level of the label tree, and the answers for unknown files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LEVELS, LabelTree
from perceiver_cli.results import Answer, Classification
from perceiver_cli.training.metrics import calibration_error


@dataclass(frozen=True)
class AnswerMeasures:
    """Accuracy of the answers for labelled files. Shares are in [0, 1].

    Attributes:
        sure: Minimum score of an answer.
        given: Share of the files that get an answer.
        right_of_given: Share of the answers that are correct.
        right: Share of the files that get a correct answer.
        levels: Level -> "given", the share of the files with an answer at that level; "right", the
            share of these that is correct (None if there are none); "ece", the calibration error
            of the level's best scores.
        familiar: Share of the files that are familiar; None if the model has no statistics.
    """

    sure: float
    given: float
    right_of_given: float | None
    right: float
    levels: dict[str, dict[str, float | None]]
    familiar: float | None

    def rounded(self) -> dict[str, Any]:
        """The measures as plain JSON types for the card, rounded to four digits."""
        figures = {name: _rounded(value) for name, value in vars(self).items() if name != "levels"}
        levels = {
            level: {name: _rounded(value) for name, value in shares.items()}
            for level, shares in self.levels.items()
        }
        return figures | {"levels": levels}


def measure_answers(
    results: Sequence[Classification], truth: np.ndarray, labels: Sequence[Label], sure: float
) -> AnswerMeasures:
    """Computes all measures of the answers.

    Args:
        results: Results with the scores of all classes.
        truth: True classes, int [files].
        labels: The model's classes.
        sure: Minimum score of an answer, as it was when the results were made.

    Returns:
        The measures without the calibration errors of the levels, see add_calibration.
    """
    right = np.array(
        [is_right(result.answer, labels[t]) for result, t in zip(results, truth, strict=True)]
    )
    level = np.array([result.answer.level if result.answer else "" for result in results])
    given = level != ""
    known = [result.familiar for result in results if result.familiar is not None]
    return AnswerMeasures(
        sure=sure,
        given=float(given.mean()),
        right_of_given=_share(right[given]),
        right=float(right.mean()),
        levels={
            name: {
                "given": float((level == name).mean()),
                "right": _share(right[level == name]),
            }
            for name in LEVELS
            if name == "class" or any(getattr(label, name) for label in labels)
        },
        familiar=float(np.mean(known)) if known else None,
    )


def add_calibration(
    measures: AnswerMeasures, scores: np.ndarray, truth: np.ndarray, tree: LabelTree
) -> AnswerMeasures:
    """The measures with the calibration error of each level.

    Args:
        measures: The measures without calibration errors.
        scores: Scores of the classes, [files, classes].
        truth: True classes, int [files].
        tree: The model's label tree.

    Returns:
        The measures with the "ece" of each level.
    """
    # Records round scores: without this, those of many classes do not sum to 1.
    scores = scores / scores.sum(1, keepdims=True)
    levels = {}
    for nodes in tree.levels:
        if nodes.level in measures.levels:
            node_scores = nodes.scores(scores)
            right = node_scores.argmax(1) == nodes.of_class[truth]
            error = calibration_error(node_scores.max(1), right)
            levels[str(nodes.level)] = measures.levels[nodes.level] | {"ece": error}
    return AnswerMeasures(**(vars(measures) | {"levels": levels}))


def measure_unknown(results: Sequence[Classification], labels: dict[str, Label]) -> dict[str, Any]:
    """Measures the answers for files that belong to none of the classes.

    Args:
        results: Results of the files; those without a signal count as not answered and as
            unfamiliar.
        labels: Folder name -> label with the group or kind that its files still belong to; empty if
            they belong to none.

    Returns:
        items; unsure: the share without an answer; unfamiliar: the share that is not familiar (None
        if the model has no statistics); a_class: the share answered with a class. With labels also
        right and wrong: the shares answered with a correct wider term, or with anything else.
    """
    signals = [result.has_signal for result in results]
    figures: dict[str, Any] = {
        "items": len(results),
        "unsure": _mean(result.answer is None for result in results),
        "a_class": _mean(bool(result.confident) for result in results),
        "unfamiliar": None,
    }
    if any(result.familiar is not None for result in results):
        pairs = zip(results, signals, strict=True)
        figures["unfamiliar"] = _mean(not signal or r.familiar is False for r, signal in pairs)
    if labels:
        right = [
            is_right(result.answer, labels.get(Path(result.path).parent.name)) for result in results
        ]
        figures["right"] = _mean(right)
        figures["wrong"] = round(1 - figures["unsure"] - figures["right"], 4)
    return figures


def is_right(answer: Answer | None, label: Label | None) -> bool:
    """Whether an answer is correct for a label.

    Args:
        answer: The answer of a result; None if it is unsure.
        label: The true label; None if it is unknown.

    Returns:
        Whether the answer's class, group or kind is that of the label.
    """
    if answer is None or label is None:
        return False
    true_label = label.label if answer.level == "class" else getattr(label, answer.level)
    return bool(answer.label == true_label)


def _share(right: np.ndarray) -> float | None:
    return float(right.mean()) if len(right) else None


def _mean(flags: Any) -> float:
    return round(float(np.mean(list(flags))), 4)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
