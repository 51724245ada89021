"""The last lines of a run of classify: how many inputs were classified, and how many failed."""

from __future__ import annotations

from perceiver_cli.cli.exit_codes import INPUT_FAILED
from perceiver_cli.cli.messages import print_message
from perceiver_cli.report.run_counts import RunCounts
from perceiver_cli.report.words import count, seconds_in_words


def exit_code(counts: RunCounts) -> int:
    """0 if every input was classified."""
    return 0 if counts.all_classified else INPUT_FAILED


def print_passed_over(counts: RunCounts, kind: str) -> None:
    """Prints how many files were passed over, and how archives are read.

    Args:
        counts: The counts of the run.
        kind: What they are not: "media".
    """
    if not counts.passed_over:
        return
    verb = "is" if counts.passed_over == 1 else "are"
    message = f"passed over {count(counts.passed_over, 'file')} that {verb} not {kind}"
    # With --archives they are none of those: their members are.
    hint = f" ({count(counts.archives, 'archive')}: --archives reads them)"
    print_message(message + (hint if counts.archives else ""))


def print_done_before(counts: RunCounts) -> None:
    """Prints how many inputs earlier runs have done, or that there are none at all."""
    if counts.done_before:
        verb = "was" if counts.done_before == 1 else "were"
        failed = f" ({counts.failed_before:,} failed)" if counts.failed_before else ""
        print_message(f"{count(counts.done_before, 'input')} {verb} done before{failed}")
    elif counts.nothing_found:
        print_message("nothing to classify")


def print_classified(counts: RunCounts, seconds: float) -> None:
    """Prints how many inputs were classified in a run of so many seconds."""
    unsure = f" ({counts.unsure:,} unsure)" if counts.unsure else ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    print_message(
        f"{counts.classified:,} classified{unsure}{failed} in {seconds_in_words(seconds)}"
    )
