"""The last lines of a run of classify: how many inputs were classified, and how many failed."""

from __future__ import annotations

from perceiver_cli.cli.exit_codes import INPUT_FAILED
from perceiver_cli.cli.messages import print_message
from perceiver_cli.cli.selection import Selection
from perceiver_cli.report.run_counts import RunCounts
from perceiver_cli.report.words import count, display_path, seconds_in_words


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
    hints = []
    if counts.archives:  # none with --archives: their members are read
        hints.append(f"{count(counts.archives, 'archive')}; use --archives to include them")
    if counts.nested_archives:
        nested = f"{count(counts.nested_archives, 'archive')} in archives"
        hints.append(f"{nested}; unpack the outer ones first")
    print_message(message + (f" ({'; '.join(hints)})" if hints else ""))


def print_done_before(counts: RunCounts) -> None:
    """Prints how many inputs earlier runs have done, or that there are no inputs."""
    if counts.done_before:
        verb = "was" if counts.done_before == 1 else "were"
        failed = f" ({counts.failed_before:,} failed)" if counts.failed_before else ""
        print_message(f"{count(counts.done_before, 'input')} {verb} done before{failed}")
    elif counts.nothing_found:
        print_message("nothing to classify")


def print_empty_folders(selection: Selection, counts: RunCounts) -> None:
    """Prints which folders named by the call contain no files to classify, or only folders.

    Args:
        selection: The inputs of the call.
        counts: The counts of the run.
    """
    for folder in selection.named_folders():
        is_empty = selection.takes_nothing_of(folder)
        if (is_empty or counts.nothing_found) and selection.leaves_folders_in(folder):
            print_message(f"{display_path(folder)} contains only folders; use -r to include them")
        elif is_empty:
            print_message(f"{display_path(folder)} contains no files to classify")


def print_classified(counts: RunCounts, seconds: float) -> None:
    """Prints how many inputs were classified, and the run time in seconds."""
    parts = [f"{counts.unsure:,} unsure"] if counts.unsure else []
    if counts.without_classes:
        parts.append(
            f"{counts.without_classes:,} by a model that knows none of the requested classes"
        )
    if counts.without_signal:
        parts.append(f"{counts.without_signal:,} without a signal")
    remarks = f" ({', '.join(parts)})" if parts else ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    print_message(
        f"{counts.classified:,} classified{remarks}{failed} in {seconds_in_words(seconds)}"
    )
