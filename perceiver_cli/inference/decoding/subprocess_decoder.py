"""Decoding in subprocesses, so that a decoder that crashes or hangs affects one input only.

Processes are started as they are needed, kept for later inputs, and replaced when they die. They
are plain subprocesses: safe beside threads, and without the caller's main module.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO, Any

from perceiver_cli.errors import CheckpointError, InputError, shortage_in_words
from perceiver_cli.inference.decoding.decoders import RUN_HAS_ENDED
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.decoding.worker import LARGE, READY
from perceiver_cli.media.source import Source
from perceiver_cli.processor import thread_settings

if sys.platform == "linux":
    import fcntl

# sys.path is passed on: a new interpreter would search the current folder first.
_PROGRAM = """
import sys
sys.path[:] = {path!r}
from perceiver_cli.inference.decoding.worker import main
main()
"""
# How often processes are checked for their time limit.
_TICK_S = 0.05

_PIPE_BYTES = 2**20

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class DecodingPool:
    """A pool of decoding processes, which are kept between calls.

    Args:
        preparer: Sent to each process when it starts.
    """

    def __init__(self, preparer: Preparer) -> None:
        self.preparer = preparer
        self.large = threading.Lock()
        self._idle: list[DecodingProcess] = []
        self._taken = 0
        self._changed = threading.Condition()
        self._end_idle = weakref.finalize(self, _end_all, self._idle)

    def take(self) -> DecodingProcess:
        """Takes an idle process out of the pool, or starts a new one.

        If no more can be started, it waits for one that is busy. Raises OSError if there is none.
        """
        with self._changed:
            self._taken += 1
            if process := self._idle_process():
                return process
        try:
            process = DecodingProcess()
            process.begin(self.preparer)
        except BaseException as error:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()
                if not isinstance(error, OSError):
                    raise
                self._changed.wait_for(lambda: self._idle or not self._taken)
                if process := self._idle_process():
                    self._taken += 1
                    return process
            raise
        return process

    def _idle_process(self) -> DecodingProcess | None:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            process.end()
        return None

    def give_back(self, process: DecodingProcess) -> None:
        """Puts a process back into the pool, unless it has ended or the pool is closed."""
        with self._changed:
            self._taken -= 1
            kept = self._end_idle.alive and process.alive
            if kept:
                self._idle.append(process)
            self._changed.notify_all()
        if not kept:
            process.end()

    def close(self) -> None:
        """Ends the idle processes; busy ones end when they are put back."""
        with self._changed:
            self._end_idle()


def _end_all(processes: list[DecodingProcess]) -> None:
    while processes:
        processes.pop().end()


class SubprocessDecoder:
    """Decodes in processes of a pool, giving each input at most limit_s seconds (0: no limit)."""

    def __init__(self, pool: DecodingPool, limit_s: float) -> None:
        self.pool = pool
        self.limit_s = limit_s
        self._busy: set[DecodingProcess] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        if limit_s:
            threading.Thread(target=self._watch, daemon=True).start()

    def prepare(self, source: Source) -> Item:
        """See Decoder. A lost process fails with "timeout", "corrupt" or "too_large"."""
        started = time.monotonic()
        try:
            with self._process() as process:
                item = process.prepare(source, self.limit_s, self.pool.large)
        except InputError as error:
            return FailedItem(source, error, time.monotonic() - started)
        except OSError as error:
            shortage = shortage_in_words(error)
            if shortage is None:
                raise
            failure = InputError("unreadable", shortage)
            return FailedItem(source, failure, time.monotonic() - started)
        # Content from a pipe was sent to the process, which does not send it back.
        return replace(item, source=source)

    def close(self) -> None:
        """Ends the busy processes, so that their inputs fail. Idle processes are kept."""
        with self._lock:
            self._closed.set()
            for process in self._busy:
                process.kill()

    @contextmanager
    def _process(self) -> Iterator[DecodingProcess]:
        """A process for one input."""
        process = self.pool.take()
        with self._lock:
            self._busy.add(process)
        try:
            if self._closed.is_set():
                raise InputError("unreadable", RUN_HAS_ENDED)
            yield process
        finally:
            with self._lock:
                self._busy.remove(process)
            self.pool.give_back(process)

    def _watch(self) -> None:
        """Ends processes that exceed their time limit, until the decoder is closed."""
        while not self._closed.wait(_TICK_S):
            with self._lock:
                for process in self._busy:
                    process.end_if_late()


class DecodingProcess:
    """One decoding process."""

    def __init__(self) -> None:
        self._due = math.inf
        self._late = False
        self._timing = threading.Lock()
        # In a session of its own, so that Ctrl-C reaches the main process only.
        own_session: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            own_session = {
                "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | thread_settings(os.environ) | _ONE_THREAD,
            **own_session,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        _enlarge(self._stdin)
        _enlarge(self._stdout)

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    def begin(self, preparer: Preparer) -> None:
        """Returns when the process is ready to prepare. Raises OSError if it does not start."""
        try:
            send(self._stdin, preparer)
            if receive(self._stdout) != READY:
                raise EOFError
        except (EOFError, OSError):
            self.end()
            raise OSError("a process for decoding could not be started") from None

    def prepare(self, source: Source, limit_s: float, large: threading.Lock) -> Item:
        """The item of a source, within limit_s seconds (0: no limit).

        Args:
            source: The input.
            limit_s: Seconds, not counting the wait for `large`.
            large: A lock that is held while the process decodes an input that takes much memory.

        Raises:
            InputError: "timeout", "corrupt" or "too_large" if the process was killed or crashed.
            CheckpointError: As Preparer.prepare.
        """
        try:
            outcome: Item | CheckpointError | str = self._ask((source, limit_s), limit_s)
            if outcome == LARGE:
                with large:
                    outcome = self._ask(READY, limit_s)
        except (EOFError, OSError):
            self.end()
            raise self._loss() from None
        finally:
            with self._timing:
                self._due = math.inf
            if self._late:  # although its response arrived just in time
                self.end()
        assert not isinstance(outcome, str)
        if isinstance(outcome, CheckpointError):
            raise outcome
        return outcome

    def _ask(self, request: object, limit_s: float) -> Any:
        """The process's response to a request, within limit_s seconds."""
        with self._timing:
            self._due = time.monotonic() + limit_s if limit_s else math.inf
        send(self._stdin, request)
        answer = receive(self._stdout)
        with self._timing:
            self._due = math.inf
        return answer

    def kill(self) -> None:
        """Kills the process. The thread that waits for its response must then call `end`."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Kills the process and closes its pipes, which no other thread may be using."""
        self.kill()
        self._stdout.close()
        with suppress(OSError):  # what was not yet sent
            self._stdin.close()

    def end_if_late(self) -> None:
        """Kills the process if it exceeds its time limit."""
        with self._timing:
            if time.monotonic() > self._due:
                self._late = True
                self._process.kill()

    def _loss(self) -> InputError:
        if self._late:
            return InputError(
                "timeout", "decoding timed out; a longer --timeout allows more time (0: no limit)"
            )
        code = self._process.returncode
        if code == -getattr(signal, "SIGKILL", 9):
            return InputError("too_large", "its decoder was killed, probably out of memory")
        reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return InputError("corrupt", f"the decoder crashed on it ({reason})")


def _enlarge(pipe: IO[bytes]) -> None:
    """Gives a pipe more room, on Linux, so that arrays take fewer turns.

    Does nothing if the user's pipes already hold as much as the system allows.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
