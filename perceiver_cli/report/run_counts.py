"""How a run went, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class RunCounts:
    """Inputs of a run by what became of them.

    Attributes:
        classified: Classified in this run.
        unsure: How many of these got no answer although there was a signal. A cluster does not
            count them.
        without_signal: How many of these hold nothing to classify, such as silence. A cluster does
            not count them.
        failed: Failed in this run.
        passed_over: Files of folders and archives that are not media.
        archives: How many of these are archives in folders.
        nested_archives: How many of these are archives in archives.
        done_before: Done by earlier runs.
        failed_before: How many of these failed.
    """

    classified: int = 0
    unsure: int = 0
    without_signal: int = 0
    failed: int = 0
    passed_over: int = 0
    archives: int = 0
    nested_archives: int = 0
    done_before: int = 0
    failed_before: int = 0

    @property
    def done(self) -> int:
        """How many inputs were done in this run, failures included."""
        return self.classified + self.failed

    @property
    def nothing_found(self) -> bool:
        """Whether no input was classified, now or before, and none failed."""
        return not (self.done or self.done_before)

    @property
    def all_classified(self) -> bool:
        """Whether no input failed, now or before."""
        return not (self.failed or self.failed_before)
