"""The last lines of a run of classify: how many inputs were classified, and how many failed."""

from __future__ import annotations

from dataclasses import dataclass

from perceiver_cli.cli.exit_codes import INPUT_FAILED
from perceiver_cli.cli.messages import print_message
from perceiver_cli.report.words import count, seconds_in_words


@dataclass
class Counts:
    """Inputs by what became of them.

    Attributes:
        classified: In this run.
        unsure: Of these, how many got no answer although there was a signal.
        failed: In this run.
        passed_over: Files that the call does not name and that are not media.
        archives: How many of those are archives.
        done_before: By earlier runs.
        failed_before: Of these, how many failed.
    """

    classified: int = 0
    unsure: int = 0
    failed: int = 0
    passed_over: int = 0
    archives: int = 0
    done_before: int = 0
    failed_before: int = 0

    @property
    def nothing_found(self) -> bool:
        """Whether no input was classified, now or before, and none failed."""
        return not (self.classified or self.failed or self.done_before)

    @property
    def exit_code(self) -> int:
        """0 if every input was classified."""
        return INPUT_FAILED if self.failed or self.failed_before else 0


def print_passed_over(counts: Counts, kind: str) -> None:
    """Prints how many files were passed over, and how archives are read.

    Args:
        counts: Of the run.
        kind: What they are not: "media".
    """
    if not counts.passed_over:
        return
    verb = "is" if counts.passed_over == 1 else "are"
    told = f"passed over {count(counts.passed_over, 'file')} that {verb} not {kind}"
    # With --archives they are none of those: their members are.
    hint = f" ({count(counts.archives, 'archive')}: --archives reads them)"
    print_message(told + (hint if counts.archives else ""))


def print_done_before(counts: Counts) -> None:
    """Prints how many inputs earlier runs have done, or that there are none at all."""
    if counts.done_before:
        verb = "was" if counts.done_before == 1 else "were"
        failed = f" ({counts.failed_before:,} failed)" if counts.failed_before else ""
        print_message(f"{count(counts.done_before, 'input')} {verb} done before{failed}")
    elif counts.nothing_found:
        print_message("nothing to classify")


def print_classified(counts: Counts, seconds: float) -> None:
    """Prints how many inputs were classified in a run of so many seconds."""
    unsure = f" ({counts.unsure:,} unsure)" if counts.unsure else ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    print_message(
        f"{counts.classified:,} classified{unsure}{failed} in {seconds_in_words(seconds)}"
    )
