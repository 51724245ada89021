"""A decoding process: takes steps from standard input, answers on standard output.

It ends with the process that started it, whose closing pipe it reads as the end of its input.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from perceiver_cli.errors import InputError
from perceiver_cli.inference.allocator import keep_freed
from perceiver_cli.inference.decoding import steps
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.media.limits import MAX_WORKER_BYTES, most

READY = "ready"
_STEPS = {"detect": steps.detect, "prepare": steps.prepare}


def main() -> None:
    """Answers until the input ends."""
    # What a decoder prints must not end up between the answers.
    with os.fdopen(os.dup(1), "wb") as answers, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        _limit_memory()
        keep_freed()
        with suppress(EOFError, OSError):
            send(answers, READY)
            while True:
                step, arguments, limit_s = receive(sys.stdin.buffer)
                _set_alarm(limit_s)
                answer = _answer(step, arguments)
                _set_alarm(0)
                send(answers, answer)


def _answer(step: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    """("ok", value), or ("error", an InputError's arguments)."""
    try:
        return "ok", _STEPS[step](*arguments)
    except InputError as error:
        message = error.message
        if isinstance(error.__cause__, MemoryError):
            message = f"needs more memory than a decoding process: {most('MAX_WORKER_BYTES')}"
        return "error", (error.kind, message, error.detail)


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
