"""classify --ray: classification on a Ray cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from perceiver_cli.choices import TIMEOUT_S
from perceiver_cli.cli.messages import print_message
from perceiver_cli.cli.summary import (
    exit_code,
    print_classified,
    print_done_before,
    print_passed_over,
)
from perceiver_cli.errors import UsageError
from perceiver_cli.report.words import count

if TYPE_CHECKING:
    from perceiver_cli.cli.destination import ClusterDestination
    from perceiver_cli.cli.selection import Selection
    from perceiver_cli.inference.settings import ClassifierSettings
    from perceiver_cli.report.run_counts import RunCounts

# Seconds between two lines of progress.
_EVERY_S = 30.0


def classify_on_cluster(
    selection: Selection,
    destination: ClusterDestination,
    settings: ClassifierSettings,
    *,
    attention: bool | None,
    timeout: float | None,
    quiet: bool,
) -> int:
    """Classifies on a Ray cluster, and prints a summary.

    Args:
        selection: The inputs.
        destination: The output of the results; see pick_cluster_destination.
        settings: The Classifier's. The cluster decides on device and threads.
        attention: Whether results carry attention statistics.
        timeout: Seconds for decoding one file; None is the default.
        quiet: Whether only failures are printed.

    Returns:
        The exit code.

    Raises:
        UsageError: The call is wrong, or the cluster or the folder cannot be used.
    """
    if selection.reads_stdin:
        raise UsageError("--ray does not support standard input, which other machines cannot read")
    from perceiver_cli.distributed.run import run
    from perceiver_cli.report.parts.folder import PartFolder
    from perceiver_cli.report.parts.store import store_at

    started = time.monotonic()
    counts = run(
        selection.find(open_archives=False),
        PartFolder(store_at(destination.output), str(destination.format)),
        destination.address,
        file_filter=selection.file_filter,
        timeout=TIMEOUT_S if timeout is None else timeout,
        on_progress=_Progress(quiet),
        attention=bool(attention),
        settings=settings,
    )
    if not quiet:
        print_passed_over(counts, "media")
        print_done_before(counts)
        print_classified(counts, time.monotonic() - started)
        print_message(f"written to {destination.output}")
    return exit_code(counts)


class _Progress:
    """Prints a line of progress at intervals."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._next = time.monotonic() + _EVERY_S

    def __call__(self, counts: RunCounts) -> None:
        if not self._quiet and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            print_message(f"{count(counts.done, 'input')} done, {counts.failed:,} failed")
