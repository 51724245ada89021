"""An input that is known to be unreadable before it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from perceiver_cli.errors import InputError
from perceiver_cli.media.source import Source


@dataclass(frozen=True)
class FailedSource(Source):
    """An input that cannot be read.

    Attributes:
        error: Why not.
        member: For a member of an archive, its own name.
    """

    error: InputError = field(default_factory=lambda: InputError("unreadable", ""))
    member: str = ""

    def open(self) -> BinaryIO:
        """Raises the error."""
        raise self.error

    def identity(self) -> None:
        """An unreadable input has no identity."""
        return
