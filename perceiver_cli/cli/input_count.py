"""Counts a run's inputs for its progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from perceiver_cli.cli.progress import Bar
from perceiver_cli.cli.selection import Selection
from perceiver_cli.errors import UsageError


@contextmanager
def counting(selection: Selection, bar: Bar) -> Iterator[None]:
    """Counts the inputs in a background thread while the block runs, and sets the bar's total.

    Listing a large folder takes minutes and much memory, and results do not wait for it.

    Args:
        selection: The inputs. They are counted only if counting does not read them.
        bar: The progress bar; nothing is counted if it is not shown.
    """
    ended = threading.Event()
    if bar.shown and selection.listable:
        threading.Thread(target=_count, args=(selection, bar, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _count(selection: Selection, bar: Bar, ended: threading.Event) -> None:
    total = 0
    with suppress(OSError, UsageError):  # the run itself raises the same error
        for each in selection.find(open_archives=False):
            if ended.is_set() or each.archive:
                return
            total += 1
        bar.set_total(total)
