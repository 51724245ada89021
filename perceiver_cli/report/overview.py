"""Summary of many Results: how often each label occurs, and the least sure answers."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator

from perceiver_cli.report.answer import shown_label
from perceiver_cli.results import Result

_LABELS, _UNSURE = 8, 5


class Overview:
    """Counts Results in constant memory."""

    def __init__(self) -> None:
        self.total = 0
        self._labels: Counter[str] = Counter()
        # A heap of the least sure answers: (-score, number, path, label).
        self._unsure: list[tuple[float, int, str, str]] = []

    def add(self, result: Result) -> None:
        """Counts one Result."""
        self.total += 1
        if not result.ok or not result.predictions:
            return
        label, score = shown_label(result)
        self._labels[label if result.answer else "not sure"] += 1
        entry = (-score, -self.total, result.path, label)
        if len(self._unsure) < _UNSURE:
            heapq.heappush(self._unsure, entry)
        else:
            heapq.heappushpop(self._unsure, entry)

    def labels(self) -> tuple[list[tuple[str, int]], int]:
        """(the most frequent labels with their counts, the number of further labels, never 1)."""
        others = len(self._labels) - _LABELS
        if others <= 1:  # the label itself takes no more room than the count
            return self._labels.most_common(), 0
        return self._labels.most_common(_LABELS), others

    def least_sure(self) -> Iterator[tuple[str, str, float]]:
        """(path, label, score) of the answers with the lowest scores, lowest first."""
        for score, _, path, label in sorted(self._unsure, reverse=True):
            yield path, label, -score
