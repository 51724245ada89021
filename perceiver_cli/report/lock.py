"""A lock on a file or folder that one run at a time may write."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.errors import UsageError

if TYPE_CHECKING:
    from filelock import FileLock


def lock_file(path: Path) -> FileLock:
    """An exclusive lock on a file, by a hidden file beside it. Raises UsageError."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"{path}: another run is writing it") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return lock


def release(lock: FileLock) -> None:
    """Releases a lock and removes its file."""
    # Before the release: a process that waits with the old file open then finds it deleted.
    with suppress(OSError):
        os.unlink(lock.lock_file)
    lock.release()
