"""What many Results come to: how often each label was given, and which answers to look at."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator

from perceiver_cli.report.answer import shown_label
from perceiver_cli.results import Result

_LABELS, _UNSURE = 8, 5


class Overview:
    """Counts Results as they pass; its size does not grow with their number."""

    def __init__(self) -> None:
        self.total = 0
        self._labels: Counter[str] = Counter()
        # The least sure ones by their score, highest first, as (-score, number, path, label).
        self._unsure: list[tuple[float, int, str, str]] = []

    def add(self, result: Result) -> None:
        """One more."""
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
        """(the most frequent labels with their counts, how many further labels there are)."""
        return self._labels.most_common(_LABELS), max(0, len(self._labels) - _LABELS)

    def least_sure(self) -> Iterator[tuple[str, str, float]]:
        """(path, label, score) of the answers with the lowest scores, lowest first."""
        for score, _, path, label in sorted(self._unsure, reverse=True):
            yield path, label, -score
