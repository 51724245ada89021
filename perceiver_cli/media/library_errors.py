"""Converts exceptions of libraries to InputErrors."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from perceiver_cli.errors import ErrorKind, InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_PACKAGE = Path(__file__).resolve().parent.parent

# Exceptions that point to a bug, not to damaged data, which raises ValueError and the like.
_PROGRAMMING_ERRORS = (TypeError, AttributeError, NameError, AssertionError, NotImplementedError)

# Errors of the system. Others, such as a seek before the beginning, come from damage.
_READ_ERRORS = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "EACCES", "EPERM", "ENOENT", "ENXIO", "ENODEV", "EMFILE", "ENFILE", "ESTALE"),
        *("ETIMEDOUT", "ECONNRESET", "ENOTCONN", "EREMOTEIO", "EHOSTDOWN", "EHOSTUNREACH"),
    )
    if hasattr(errno, name)
)

# For exceptions that no loader expected.
UNREADABLE_CONTENT = "the decoder cannot interpret its content"

_PYPI_NAMES = {"PIL": "pillow", "pillow_heif": "pillow-heif"}


@contextmanager
def wrap_errors(kind: ErrorKind, message: str) -> Iterator[None]:
    """Turns any exception inside the block into an InputError.

    Decoders raise exceptions of every type on damaged files, so all are caught. An InputError
    passes unchanged; see `to_input_error` for exceptions that do not mean damage.

    Args:
        kind: The kind of InputError if the content is damaged.
        message: One line for people.

    Raises:
        InputError: With the exception as its cause.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise to_input_error(error, kind, message) from error


def to_input_error(error: Exception, kind: ErrorKind, message: str) -> InputError:
    """The InputError for an exception: `kind` and `message`, unless the file is not the cause.

    Other causes are: too little memory ("too_large"), a decoder that is not installed
    ("missing_library"), a file that can no longer be read ("unreadable") and a bug in perceiver
    ("internal").
    """
    detail = f"{type(error).__name__}: {error}".strip()
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, MemoryError):
        return InputError("too_large", "needs more memory than this machine has", detail)
    if isinstance(error, ImportError) and not _is_own_module(error.name):
        return InputError("missing_library", _missing(error), detail)
    if isinstance(error, OSError) and any(_is_import_of_library(frame) for frame in frames):
        # A package without its shared library.
        return InputError("missing_library", f"a decoder cannot be loaded: {error}", detail)
    # Only errors of the system: FFmpeg's errors are OSErrors too, and mean damage.
    if type(error).__module__ == "builtins" and getattr(error, "errno", None) in _READ_ERRORS:
        reason = getattr(error, "strerror", None) or "input/output error"
        return InputError("unreadable", f"cannot be read: {reason}", detail)
    if isinstance(error, (*_PROGRAMMING_ERRORS, ImportError)) and frames:
        path = Path(frames[-1].filename)
        if path.is_relative_to(_PACKAGE):
            where = f"{path.relative_to(_PACKAGE.parent)}, line {frames[-1].lineno}"
            return InputError(
                "internal", f"an error inside perceiver ({where}); please report it", detail
            )
    return InputError(kind, message, detail)


def _is_import_of_library(frame: traceback.FrameSummary) -> bool:
    return frame.name == "<module>" and not Path(frame.filename).is_relative_to(_PACKAGE)


def _is_own_module(name: str | None) -> bool:
    return (name or "").partition(".")[0] == _PACKAGE.name


def _missing(error: ImportError) -> str:
    module = (error.name or "").partition(".")[0]
    package = _PYPI_NAMES.get(module, module.replace("_", "-"))
    if not package:
        return "its decoder needs a Python package that is not installed"
    if isinstance(error, ModuleNotFoundError):
        return f"needs the Python package {package}, which is not installed (pip install {package})"
    return f"the Python package {package} cannot be loaded; install it again"


class SafeSeekStream:
    """A stream that returns -1 for an impossible seek instead of an exception.

    Decoders try such seeks on damaged files, and cannot propagate an exception of their callback:
    it would be printed, or raised by a later call.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.read, self.tell = stream.read, stream.tell
        self.readinto: Callable[[Buffer], int] = getattr(stream, "readinto")  # noqa: B009
        self.write = stream.write
        self._seek = stream.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """The new position, or -1 without having moved."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1
