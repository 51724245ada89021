"""Library failures as InputErrors, and libraries kept quiet."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from perceiver_cli.errors import ErrorKind, InputError


@contextmanager
def failing_as(kind: ErrorKind, message: str) -> Iterator[None]:
    """Turn any exception of a library inside the block into InputError(kind, message).

    An InputError passes unchanged; running out of memory is "too_large" whatever the kind.
    Decoders raise exceptions of every type on damaged files, hence the broad net.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError("too_large", "needs more memory than this machine has") from error
    except Exception as error:
        raise InputError(kind, message) from error


def hush_libraries() -> None:
    """Keep the decoders' own warnings off stderr: what matters is told by an InputError."""
    warnings.filterwarnings("ignore", module=r"(PIL|trimesh|soundfile)(\.|$)")
    for name in ("trimesh", "PIL"):
        logger = logging.getLogger(name)
        if logger.level != logging.CRITICAL:  # setting it makes every logger forget its own
            logger.setLevel(logging.CRITICAL)


class ForgivingStream:
    """A stream that answers an impossible seek with -1 instead of an exception.

    Decoders try such seeks on damaged files, and cannot pass on an exception of their callback:
    it would be printed, or come out of a later call.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.readinto, self.tell = stream.read, stream.readinto, stream.tell
        self.write = stream.write
        self._seek = stream.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new position, or -1 without having moved."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1
