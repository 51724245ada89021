"""Standard input as the source of a file, a list of names or records."""

from __future__ import annotations

import sys
from typing import BinaryIO

from perceiver_cli.errors import UsageError


def standard_input() -> BinaryIO:
    """The bytes of standard input. Raises UsageError if the caller has closed it."""
    if sys.__stdin__ is None:  # sys.stdin is then the null device, see open_closed_streams
        raise UsageError("standard input is closed")
    return sys.stdin.buffer
