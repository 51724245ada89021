"""Network failures: retried, or raised as InputErrors."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.names import without_credentials

T = TypeVar("T")

# Seconds between attempts.
WAITS_S = (0.3, 1.0, 3.0)

_BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))
# Errors of s3fs for the responses "slow down" and "internal error".
_PASSING = frozenset((errno.EBUSY, errno.EIO, errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT))

# Broken and refused connections, by name, because the libraries are optional.
_BROKEN = frozenset(
    ("ClientConnectionError", "ClientPayloadError", "HTTPClientError", "FSTimeoutError")
)

CHANGED = "changed while it was read"


class LocalAddressError(Exception):
    """A server redirects to an address of this machine or of the local network."""


def retrying(call: Callable[[], T]) -> T:
    """Calls a function, and retries it a few times after transient failures."""
    for wait in WAITS_S:
        try:
            return call()
        except Exception as error:
            if not _may_pass(error):
                raise
            time.sleep(wait)
    return call()


@contextmanager
def remote_errors() -> Iterator[None]:
    """Turns any exception of a file system into an InputError that names no credentials."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise _as_input_error(error) from None


def _own_cause(error: BaseException) -> BaseException:
    """The cause of an exception: fsspec reports every HTTP failure as a missing file."""
    cause = error.__cause__
    if not isinstance(error, FileNotFoundError) or cause is None:
        return error
    known = isinstance(cause, LocalAddressError) or getattr(cause, "status", None)
    return cause if known or _names(cause) & _BROKEN else error


def _names(error: BaseException) -> set[str]:
    return {each.__name__ for each in type(error).__mro__}


def _may_pass(error: BaseException) -> bool:
    error = _own_cause(error)
    status = getattr(error, "status", None)
    if isinstance(status, int) and status:
        return status in _BUSY
    return (
        bool(_names(error) & _BROKEN)
        or isinstance(error, ConnectionError | TimeoutError | EOFError)
        or (isinstance(error, OSError) and error.errno in _PASSING)
    )


def _as_input_error(error: BaseException) -> InputError:
    error = _own_cause(error)
    said = " ".join(without_credentials(str(error)).split())
    detail = f"{type(error).__name__}: {said}"
    status = getattr(error, "status", None)
    if isinstance(error, LocalAddressError):
        return InputError("unreadable", str(error), detail)
    if isinstance(error, ImportError):
        return InputError("missing_library", said, detail)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return InputError("unreadable", "no such object (not found)", detail)
    if isinstance(error, PermissionError) or status in (401, 403):
        return InputError("unreadable", "no permission to read it (access denied)", detail)
    if status == 412:
        return InputError("unreadable", CHANGED, detail)
    if isinstance(status, int) and status:
        return InputError("unreadable", f"cannot be read: the server answers {status}", detail)
    reason = said or type(error).__name__
    return InputError("unreadable", f"cannot be read: {reason[:200]}", detail)
