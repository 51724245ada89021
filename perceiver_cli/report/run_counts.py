"""Counts of the inputs of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RunCounts:
    """Counts of the inputs of a run by outcome.

    Attributes:
        classified: Classified in this run.
        unsure: Number of these without an answer although there was a signal and the model has
            requested classes. A cluster does not count them.
        without_classes: Number of these whose model has none of the requested classes. A cluster
            does not count them.
        without_signal: Number of these with nothing to classify, such as silence. A cluster does
            not count them.
        failed: Failed in this run.
        passed_over: Files of folders and archives that are not media.
        archives: Number of these that are archives in folders.
        nested_archives: Number of these that are archives in archives.
        done_before: Done by earlier runs.
        failed_before: Number of these that failed.
    """

    classified: int = 0
    unsure: int = 0
    without_classes: int = 0
    without_signal: int = 0
    failed: int = 0
    passed_over: int = 0
    archives: int = 0
    nested_archives: int = 0
    done_before: int = 0
    failed_before: int = 0

    @property
    def done(self) -> int:
        """Number of inputs done in this run, failures included."""
        return self.classified + self.failed

    @property
    def nothing_found(self) -> bool:
        """Whether no input was classified, now or before, and none failed."""
        return not (self.done or self.done_before)

    @property
    def all_classified(self) -> bool:
        """Whether no input failed, now or before."""
        return not (self.failed or self.failed_before)
