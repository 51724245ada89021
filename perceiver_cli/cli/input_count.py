"""The number of a run's inputs, for its progress bar."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from perceiver_cli.cli.progress import Bar
from perceiver_cli.cli.selection import Selection
from perceiver_cli.errors import UsageError


@contextmanager
def counting(selection: Selection, bar: Bar) -> Iterator[None]:
    """Counts the inputs in a thread while the block classifies them, and tells the bar.

    A large folder takes minutes to list, and its list much memory: neither holds up a result.

    Args:
        selection: The inputs. They are counted only if that reads none of them.
        bar: Gets the total; nothing is counted for a bar that nobody sees.
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
    with suppress(OSError, UsageError):  # the run itself finds the same
        for each in selection.find(open_archives=False):
            if ended.is_set() or each.archive:
                return
            total += 1
        bar.set_total(total)
