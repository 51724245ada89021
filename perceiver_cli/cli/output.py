"""Where results go: standard output, or a file that appears only when it is complete."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from perceiver_cli.errors import UsageError


@contextmanager
def open_output(path: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A stream for results, of text unless binary; None or "-" is standard output.

    A file is written beside its place and renamed at the end, so that nobody reads half of it; if
    the block fails, what was there before stays. Raises UsageError if it cannot be written.
    """
    if path is None or str(path) == "-":
        yield sys.stdout.buffer if binary else sys.stdout
        return
    # A link stays a link; a device or pipe is written to, never replaced.
    place = path.resolve()
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    direct = place.exists() and not place.is_file()
    try:
        stream = _open(place if direct else beside, binary)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    try:
        with stream:
            yield stream
        if not direct:
            os.replace(beside, place)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            error.filename = str(path)
        raise
    finally:
        if not direct:
            with suppress(FileNotFoundError):
                beside.unlink()


def _open(path: Path, binary: bool) -> IO[Any]:
    if binary:
        return open(path, "wb")
    return open(path, "w", encoding="utf-8", errors="backslashreplace", newline="")
