"""The errors a user can meet, each carrying one line that a person can act on."""

from __future__ import annotations

from typing import Literal

ErrorKind = Literal["corrupt", "unsupported", "unreadable", "too_large", "empty", "timeout"]


class InputError(Exception):
    """One input cannot be classified; the rest of a batch goes on.

    `kind` is the record's `error.kind`; the message is one line and does not repeat the path.
    """

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.message = message


class CheckpointError(Exception):
    """Weights are missing, truncated, from a newer format or of the wrong shape (exit code 3)."""


class UsageError(Exception):
    """The call itself makes no sense, such as an unknown model name (exit code 2)."""
