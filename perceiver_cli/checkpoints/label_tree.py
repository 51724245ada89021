"""The tree of classes, groups and kinds: the answer at the most specific level that is sure.

Deng et al. 2012, "Hedging your bets": the most specific node whose probability is high enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perceiver_cli.array_types import Float64Array, Int64Array
from perceiver_cli.checkpoints.format import Label
from perceiver_cli.results import Answer, Level

# The most specific level first.
LEVELS: tuple[Level, ...] = ("class", "group", "kind")

# Minimum score whose logarithm is computed.
_TINY = 1e-12


@dataclass(frozen=True)
class Nodes:
    """The nodes of one level.

    Attributes:
        level: The level.
        labels: The labels of the nodes.
        of_class: The node of each class, int [classes]; -1 if a class is in none.
        temperature: Divides the logarithms of class scores before they are summed.
    """

    level: Level
    labels: list[str]
    of_class: Int64Array
    temperature: float = 1.0

    @cached_property
    def _members(self) -> Float64Array:
        own = self.of_class[:, None] == np.arange(len(self.labels))
        members: Float64Array = own.astype(np.float64)
        return members

    def scores(self, scores: Float64Array) -> Float64Array:
        """Scores of the nodes: sums over their classes.

        Args:
            scores: Calibrated scores of the classes, [..., classes].

        Returns:
            [..., nodes].
        """
        if self.level == "class":
            return scores
        summed: Float64Array = tempered(scores, self.temperature) @ self._members
        return summed


class LabelTree:
    """The nodes of every level.

    Args:
        labels: The classes, in order.
        temperatures: Level -> temperature of its scores; the default is 1.
    """

    def __init__(
        self, labels: Sequence[Label], temperatures: Mapping[str, float] | None = None
    ) -> None:
        self.labels = labels
        self.levels = [
            _nodes(labels, level, (temperatures or {}).get(level, 1)) for level in LEVELS
        ]

    def answer(self, scores: Float64Array, sure: float) -> Answer | None:
        """The most specific node whose score is high enough.

        Args:
            scores: Calibrated scores of the classes, [classes].
            sure: Minimum score of an answer.

        Returns:
            The answer; None if no node reaches that score.
        """
        for nodes in self.levels:
            if not nodes.labels:
                continue
            found = nodes.scores(scores)
            best = int(found.argmax())
            if found[best] >= sure:
                return Answer(nodes.labels[best], nodes.level, round(float(found[best]), 4))
        return None

    def classes_of(self, name: str) -> list[int]:
        """The classes that a name stands for.

        Args:
            name: A label, an id, a group or a kind; capitals do not matter.

        Returns:
            Their indices, none if the name is unknown.
        """
        name = name.casefold()
        return [
            index
            for index, label in enumerate(self.labels)
            if name in (text.casefold() for text in _names(label))
        ]

    def names(self) -> Iterator[str]:
        """All names that `classes_of` finds."""
        for label in self.labels:
            yield from _names(label)


def tempered(scores: Float64Array, temperature: float) -> Float64Array:
    """Applies a temperature to scores.

    Args:
        scores: [..., classes].
        temperature: Divides their logarithms.

    Returns:
        [..., classes], with the sum 1.
    """
    if temperature == 1:
        return scores
    logits = np.log(np.maximum(scores, _TINY)) / temperature
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    result: Float64Array = powers / powers.sum(-1, keepdims=True)
    return result


def renormalised(scores: Float64Array, classes: Iterable[int]) -> Float64Array:
    """Restricts scores to some of the classes.

    Args:
        scores: [classes].
        classes: The indices of these.

    Returns:
        [classes], with the sum 1; the others have 0.
    """
    chosen = list(classes)
    result = np.zeros_like(scores)
    result[chosen] = scores[chosen] / max(float(scores[chosen].sum()), _TINY)
    return result


def _nodes(labels: Sequence[Label], level: Level, temperature: float) -> Nodes:
    if level == "class":
        return Nodes(level, [label.label for label in labels], np.arange(len(labels)))
    own = [getattr(label, level) for label in labels]
    names = sorted(set(own) - {""})
    of_class = np.array([names.index(name) if name else -1 for name in own])
    return Nodes(level, names, of_class, temperature)


def _names(label: Label) -> list[str]:
    return [text for text in (label.label, label.id, label.group, label.kind) if text]
