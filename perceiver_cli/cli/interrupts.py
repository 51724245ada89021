"""Ctrl-C in a long run: the first ends it in good order, the second at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_HINT = b"perceiver: ending after the batch in hand; Ctrl-C again to leave at once\n"


@contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Inside the block the first SIGINT calls `stop` and the second ends the process.

    If there was one, KeyboardInterrupt is raised at the end of the block. Does nothing outside
    the main thread, which signals do not reach.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def handle(*_: Any) -> None:
        nonlocal interrupted
        interrupted = True
        # Left to the system, which needs no Python code to be reached.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.stderr.isatty():
            # Not print: the signal may have come in the middle of one.
            os.write(2, _HINT)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
