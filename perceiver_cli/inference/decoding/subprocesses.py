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
from typing import Any

from perceiver_cli.detect.detection import Detection
from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.messages import receive, send
from perceiver_cli.inference.decoding.steps import Prepared
from perceiver_cli.inference.decoding.worker import READY
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.base import Preparation
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


class Apart:
    """Decodes in other processes, giving each input at most limit_s seconds (0: no limit)."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._own = threading.local()
        self._all: list[Worker] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        if limit_s:
            threading.Thread(target=self._watch, daemon=True).start()

    def detect(self, source: Source) -> Detection:
        """What a source is. Raises InputError, with "timeout" or "corrupt" for a lost process."""
        self._own.left_s = self.limit_s
        return self._ask("detect", source)

    def prepare(self, source: Source, detection: Detection, preparation: Preparation) -> Prepared:
        """The source that this thread detected last, as a model reads it. Raises InputError."""
        return self._ask("prepare", source, detection, preparation)

    def close(self) -> None:
        """Ends all processes. What threads still wait for fails."""
        with self._lock:
            self._closed.set()
            for worker in self._all:
                worker.end()

    def _ask(self, step: str, *arguments: Any) -> Any:
        worker = self._worker()
        started = time.monotonic()
        try:
            return worker.ask(step, arguments, self._own.left_s)
        finally:
            if self.limit_s:
                spent = time.monotonic() - started
                self._own.left_s = max(0.001, self._own.left_s - spent)

    def _worker(self) -> Worker:
        worker = getattr(self._own, "worker", None)
        if worker is None or not worker.alive:
            with self._lock:
                if self._closed.is_set():
                    raise InputError("unreadable", "was not read: the run has ended")
                if worker is not None:
                    self._all.remove(worker)
                worker = self._own.worker = Worker()
                self._all.append(worker)
            worker.wait_ready()
        return worker

    def _watch(self) -> None:
        """Ends processes that are late, until all are ended."""
        while not self._closed.wait(_TICK_S):
            with self._lock:
                for worker in self._all:
                    worker.end_if_late()


class Worker:
    """One decoding process."""

    def __init__(self) -> None:
        self._due = math.inf
        self._late = False
        self._timing = threading.Lock()
        # Without a terminal of its own, Ctrl-C reaches the main process alone.
        apart = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | thread_settings(os.environ) | _ONE_THREAD,
            pipesize=2**20,
            **apart,
        )

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Returns when the process has started. Raises OSError if it does not."""
        try:
            assert receive(self._process.stdout) == READY
        except EOFError:
            raise OSError("a process for decoding could not be started") from None

    def ask(self, step: str, arguments: tuple[Any, ...], limit_s: float) -> Any:
        """The value of a step, which is due in limit_s seconds (0: whenever it comes).

        Raises InputError as the step does, or "timeout", "corrupt" or "too_large" when the
        process had to be ended, or ended by itself.
        """
        if limit_s:
            self._due = time.monotonic() + limit_s
        try:
            send(self._process.stdin, (step, arguments, limit_s))
            outcome, value = receive(self._process.stdout)
        except (EOFError, OSError):
            self.end()
            raise self._loss() from None
        finally:
            with self._timing:
                self._due = math.inf
            if self._late:  # by a hair, although it has answered
                self.end()
        if outcome == "ok":
            return value
        raise InputError(*value)

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
