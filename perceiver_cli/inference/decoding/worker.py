"""A decoding process: takes sources from standard input, answers on standard output.

It ends with the process that started it, whose closing pipe it reads as the end of its input.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace

from perceiver_cli.errors import CheckpointError, InputError
from perceiver_cli.inference.allocator import keep_freed_memory
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.media.limits import MAX_WORKER_BYTES
from perceiver_cli.media.types import Source

READY = "ready"


def main() -> None:
    """Answers until the input ends: first a Preparer, then (source, seconds) for each item."""
    # What a decoder prints must not end up between the answers.
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        _limit_memory()
        keep_freed_memory()
        with suppress(EOFError, OSError):
            preparer: Preparer = receive(sys.stdin.buffer)
            send(answers, READY)
            while True:
                source, limit_s = receive(sys.stdin.buffer)
                _set_alarm(limit_s)
                outcome = _prepare(preparer, source)
                _set_alarm(0)
                send(answers, outcome)


def _prepare(preparer: Preparer, source: Source) -> Item | CheckpointError:
    """The item, without the content that the other side has."""
    try:
        item = preparer.prepare(source)
    except CheckpointError as error:
        return error
    item = replace(item, source=Source(source.path))
    if isinstance(item, FailedItem) and isinstance(item.error.__cause__, MemoryError):
        message = (
            f"needs more memory than a decoding process has: {MAX_WORKER_BYTES:,} bytes "
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


def _set_alarm(limit_s: float) -> None:
    """Lets the system end this process should it hang after its parent was killed."""
    if hasattr(signal, "setitimer"):
        # The parent's own limit comes first, and knows that it was the limit.
        signal.setitimer(signal.ITIMER_REAL, limit_s + 5 if limit_s else 0)
