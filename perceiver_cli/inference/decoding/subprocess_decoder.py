"""Decoding in processes of its own, so that a decoder which crashes or hangs takes nothing along.

Processes are started as they are needed, one for each thread that decodes, and replaced when they
die. They are plain subprocesses: safe beside threads, and without the caller's main module.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from perceiver_cli.errors import CheckpointError, InputError
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.decoding.worker import READY
from perceiver_cli.media.types import Source
from perceiver_cli.processor import thread_settings

# The path is handed on: a new interpreter would look for modules in the current folder first.
_PROGRAM = """
import sys
sys.path[:] = {path!r}
from perceiver_cli.inference.decoding.worker import main
main()
"""
# How often it is looked whether a process is late.
_TICK_S = 0.05

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class SubprocessDecoder:
    """Decodes in other processes, giving each input at most limit_s seconds (0: no limit)."""

    def __init__(self, preparer: Preparer, limit_s: float) -> None:
        self.preparer = preparer
        self.limit_s = limit_s
        self._own = threading.local()
        self._processes: list[DecodingProcess] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        if limit_s:
            threading.Thread(target=self._watch, daemon=True).start()

    def prepare(self, source: Source) -> Item:
        """See Decoder. A lost process fails with "timeout", "corrupt" or "too_large"."""
        started = time.monotonic()
        try:
            item = self._process().prepare(source, self.limit_s)
        except InputError as error:
            return FailedItem(source, error, time.monotonic() - started)
        # The process was sent the content of what came over a pipe, but does not send it back.
        return replace(item, source=source)

    def close(self) -> None:
        """Ends all processes. What threads still wait for fails."""
        with self._lock:
            self._closed.set()
            for process in self._processes:
                process.end()

    def _process(self) -> DecodingProcess:
        """The calling thread's own process, started anew if it has ended."""
        process: DecodingProcess | None = getattr(self._own, "process", None)
        if process is None or not process.alive:
            with self._lock:
                if self._closed.is_set():
                    raise InputError("unreadable", "was not read: the run has ended")
                if process is not None:
                    self._processes.remove(process)
                process = self._own.process = DecodingProcess()
                self._processes.append(process)
            process.begin(self.preparer)
        return process

    def _watch(self) -> None:
        """Ends processes that are late, until all are ended."""
        while not self._closed.wait(_TICK_S):
            with self._lock:
                for process in self._processes:
                    process.end_if_late()


class DecodingProcess:
    """One decoding process."""

    def __init__(self) -> None:
        self._due = math.inf
        self._late = False
        self._timing = threading.Lock()
        # Without a terminal of its own, Ctrl-C reaches the main process alone.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {
                "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
            }
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | thread_settings(os.environ) | _ONE_THREAD,
            pipesize=2**20,
            **apart,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
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

    def prepare(self, source: Source, limit_s: float) -> Item:
        """The item of a source, which is due in limit_s seconds (0: whenever it comes).

        Raises:
            InputError: "timeout", "corrupt" or "too_large" when the process had to be ended, or
                ended by itself.
            CheckpointError: As Preparer.prepare.
        """
        if limit_s:
            self._due = time.monotonic() + limit_s
        try:
            send(self._stdin, (source, limit_s))
            outcome: Item | CheckpointError = receive(self._stdout)
        except (EOFError, OSError):
            self.end()
            raise self._loss() from None
        finally:
            with self._timing:
                self._due = math.inf
            if self._late:  # by a hair, although it has answered
                self.end()
        if isinstance(outcome, CheckpointError):
            raise outcome
        return outcome

    def end(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()

    def end_if_late(self) -> None:
        """Ends the process if what it was asked for is overdue."""
        with self._timing:
            if time.monotonic() > self._due:
                self._late = True
                self._process.kill()

    def _loss(self) -> InputError:
        if self._late:
            return InputError(
                "timeout", "took too long to decode; --timeout gives it more time (0: no limit)"
            )
        code = self._process.returncode
        if code == -getattr(signal, "SIGKILL", 9):
            return InputError("too_large", "its decoder was ended, most likely for want of memory")
        reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return InputError("corrupt", f"crashes its decoder ({reason})")
