"""Exceptions for users; the message of each is one line that helps to solve the problem."""

from __future__ import annotations

import errno
from typing import Literal

ErrorKind = Literal[
    "corrupt",  # damaged or cut off
    "unsupported",  # not media, or a variant that is not supported
    "unreadable",  # cannot be opened or read: missing, no permission, a failing disk
    "too_large",  # beyond a limit, or beyond the memory
    "empty",  # contains nothing to classify
    "timeout",  # decoding took longer than --timeout
    "missing_library",  # a Python package that decodes it is missing or cannot be loaded
    "internal",  # a bug in perceiver
]


EMPTY_FILE = "the file is empty (0 bytes)"


class InputError(Exception):
    """One input cannot be classified; the others continue.

    Attributes:
        kind: The record's `error.kind`.
        message: One line, which does not repeat the path.
        detail: The message of a library, in one line, if it says more.
    """

    def __init__(self, kind: ErrorKind, message: str, detail: str | None = None) -> None:
        super().__init__(kind, message, detail)
        self.kind: ErrorKind = kind
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return self.message


class NotMediaError(InputError):
    """An input is not media, or not of the requested kind. In a folder it is passed over."""


class CheckpointError(Exception):
    """Weights are missing, truncated, from a newer format or of the wrong shape (exit code 3)."""


class UsageError(Exception):
    """The call is wrong, for example an unknown model name (exit code 2)."""


_FILES = "too many open files: raise the limit, such as with `ulimit -n 1024`"
_PROCESSES = (
    "no more processes or threads can start: raise the limit, such as with `ulimit -u 4096`"
)
_SHORTAGES = {errno.EMFILE: _FILES, errno.ENFILE: _FILES, errno.EAGAIN: _PROCESSES}


def shortage_in_words(error: BaseException) -> str | None:
    """What this process is short of, and what to do.

    Args:
        error: What the system, or Python's threads, raised.

    Returns:
        One line; None if the error is another.
    """
    if isinstance(error, OSError):
        return _SHORTAGES.get(error.errno or 0)
    return _PROCESSES if str(error) == "can't start new thread" else None
