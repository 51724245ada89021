"""classify --ray: classification on a Ray cluster."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceiver_cli.choices import Format
from perceiver_cli.cli.running import INPUT_FAILED, print_message
from perceiver_cli.errors import UsageError
from perceiver_cli.report.words import count, seconds_in_words

if TYPE_CHECKING:
    from perceiver_cli.distributed import Summary
    from perceiver_cli.inputs.filters import FileFilter

# Seconds between two lines of progress.
_EVERY_S = 30.0


def classify_on_cluster(
    paths: list[str],
    *,
    files_from: str | None,
    null: bool,
    file_filter: FileFilter,
    address: str,
    output: Path | None,
    form: Format | str,
    timeout: float | None,
    attention: bool | None,
    quiet: bool,
    settings: dict[str, Any],
) -> int:
    """Classifies on a Ray cluster, and prints a summary.

    Returns:
        The exit code.

    Raises:
        UsageError: The call is wrong, or the cluster or the folder cannot be used.
    """
    where = _folder(output)
    if form not in (Format.parquet, Format.jsonl):
        raise UsageError("--ray writes parquet or jsonl")
    if "-" in paths:
        raise UsageError("--ray is for files: standard input cannot be read elsewhere")
    from perceiver_cli.distributed.output import Output
    from perceiver_cli.distributed.run import TIMEOUT_S, run
    from perceiver_cli.inputs.paths import find_inputs

    machine = ("device", "threads", "batch_size")
    kept = {name: value for name, value in settings.items() if name not in machine}
    found = find_inputs(
        paths, files_from=files_from, null=null, file_filter=file_filter, open_archives=False
    )
    started = time.monotonic()
    progress = _Progress(quiet)
    summary = run(
        found,
        Output(where, str(form)),
        address,
        file_filter=file_filter,
        timeout=TIMEOUT_S if timeout is None else timeout,
        on_progress=progress,
        settings={**kept, "attention": bool(attention)},
    )
    if not quiet:
        _print_summary(summary, time.monotonic() - started, where)
    return INPUT_FAILED if summary.failed or summary.failed_before else 0


class _Progress:
    """Prints a line of progress at intervals."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._next = time.monotonic() + _EVERY_S

    def __call__(self, summary: Summary) -> None:
        if not self._quiet and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            print_message(f"{count(summary.inputs, 'input')} done, {summary.failed:,} failed")


def _folder(output: Path | None) -> str:
    """The folder that -o names; a URL as it was typed, which a Path has shortened."""
    if output is None or str(output) == "-" or output.is_file():
        raise UsageError("--ray writes a folder: -o DIR")
    text = str(output)
    if os.path.lexists(text) or sys.platform == "win32":
        return text
    return re.sub(r"^([a-z][a-z0-9+.-]+):/(?!/)", r"\1://", text)


def _print_summary(summary: Summary, seconds: float, where: str) -> None:
    if summary.passed_over:
        print_message(f"passed over {count(summary.passed_over, 'file')} that hold no media")
    if summary.done_before:
        failed = f" ({summary.failed_before:,} failed)" if summary.failed_before else ""
        print_message(f"done before: {count(summary.done_before, 'input')}{failed}")
    failed = f", {summary.failed:,} failed" if summary.failed else ""
    done = summary.inputs - summary.failed
    print_message(f"{done:,} classified{failed} in {seconds_in_words(seconds)}")
    print_message(f"written to {where}")
