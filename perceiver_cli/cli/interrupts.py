"""Signals in a long run: the first Ctrl-C stops it cleanly, the second and SIGTERM at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perceiver_cli.cli.exit_codes import TERMINATED

_HINT = b"perceiver: stopping after the current batch; press Ctrl-C again to stop now\n"


@contextmanager
def removed_on_termination(path: Path) -> Iterator[None]:
    """Inside the block SIGTERM removes a file and ends the process at once, with exit code 143.

    A separate thread does this, because the main thread may be inside a library call that does not
    return. Does nothing outside the main thread, which alone receives signals, if the caller
    ignores or handles SIGTERM, and on Windows, which has no SIGTERM.
    """
    main = threading.current_thread() is threading.main_thread()
    default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not main or not default or sys.platform == "win32":
        yield
        return
    signals, arrivals = os.pipe()
    os.set_blocking(arrivals, False)

    def wait() -> None:
        while number := os.read(signals, 1):
            if number[0] == signal.SIGTERM:
                path.unlink(missing_ok=True)
                os._exit(TERMINATED)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    # Python writes the number of a signal to `arrivals` if there is any handler for it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    before = signal.set_wakeup_fd(arrivals, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(arrivals)
        thread.join()
        os.close(signals)


@contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Inside the block the first SIGINT calls `stop` and the second ends the process.

    After a SIGINT, KeyboardInterrupt is raised at the end of the block. Does nothing outside the
    main thread, which alone receives signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def handle(*_: Any) -> None:
        nonlocal interrupted
        interrupted = True
        # The default action needs no Python code to run.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if sys.stderr.isatty():
            # Not print, because the signal may have interrupted one.
            os.write(2, _HINT)
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupted:
        raise KeyboardInterrupt
