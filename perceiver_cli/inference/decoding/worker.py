"""A decoding process: sources come over standard input, items leave over standard output.

Before an item, the process may send LARGE. It then waits for READY, which the parent sends when no
other process decodes an input that takes much memory.

The process ends with its parent: its standard input is then closed, and while it decodes, a thread
watches the parent.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from perceiver_cli.errors import CheckpointError, InputError
from perceiver_cli.inference.allocator import keep_freed_memory
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.media.large_inputs import one_large_input_at_a_time
from perceiver_cli.media.limits import MAX_WORKER_BYTES
from perceiver_cli.media.source import Source

READY, LARGE = "ready", "large"

# How often the process looks for its parent.
_LOOK_S = 1.0

# Timers of the system overflow beyond a few hundred years.
_MAX_ALARM_S = 1e9


def main() -> None:
    """Serves requests until the input ends: first a Preparer, then (source, seconds) per item."""
    # Output of decoders must not be mixed with the items.
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        _limit_memory()
        with suppress(RuntimeError):  # too many threads
            threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        keep_freed_memory()
        with suppress(EOFError, OSError):
            preparer: Preparer = receive(sys.stdin.buffer)
            send(answers, READY)
            while True:
                source, limit_s = receive(sys.stdin.buffer)
                _set_alarm(limit_s)
                with one_large_input_at_a_time(_Turn(answers, limit_s)):
                    outcome = _prepare(preparer, source)
                _set_alarm(0)
                send(answers, outcome)


class _Turn:
    """The lock on large inputs of the parent process; see media/large_inputs.py."""

    def __init__(self, answers: BinaryIO, limit_s: float) -> None:
        self._answers, self._limit_s = answers, limit_s

    def acquire(self) -> None:
        """Waits until the parent process holds its lock. The time limit is off meanwhile."""
        _set_alarm(0)
        send(self._answers, LARGE)
        receive(sys.stdin.buffer)
        _set_alarm(self._limit_s)

    def release(self) -> None:
        """Does nothing: the finished item tells the parent to release its lock."""


def _prepare(preparer: Preparer, source: Source) -> Item | CheckpointError:
    """The item, without the source's content, which the parent process has."""
    try:
        item = preparer.prepare(source)
    except CheckpointError as error:
        return error
    item = replace(item, source=Source(source.path))
    if isinstance(item, FailedItem) and isinstance(item.error.__cause__, MemoryError):
        message = (
            f"needs more memory than the limit of a decoding process, {MAX_WORKER_BYTES:,} bytes "
            "(PERCEIVER_MAX_WORKER_BYTES changes that)"
        )
        return replace(item, error=InputError(item.error.kind, message, item.error.detail))
    return item


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = MAX_WORKER_BYTES if hard == resource.RLIM_INFINITY else min(MAX_WORKER_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _end_with_parent(parent: int) -> None:
    """Ends this process when its parent is another one, because the first has ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


def _set_alarm(limit_s: float) -> None:
    """Makes the system end this process if it hangs in a library after its parent was killed."""
    if hasattr(signal, "setitimer"):
        # Later than the parent's own limit, which gives the better message.
        seconds = min(limit_s, _MAX_ALARM_S) + 5
        signal.setitimer(signal.ITIMER_REAL, seconds if limit_s else 0)
