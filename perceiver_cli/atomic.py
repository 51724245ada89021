"""Atomic writing of files and folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which is renamed to `path` at the end of the block.

    Readers never see an incomplete file. If the block fails, the old file at `path` stays, and the
    temporary one is removed. The block may create a folder instead of a file. It must then remove
    an old folder at `path`, because a folder cannot replace another.

    Yields:
        The temporary path, in the same folder, which does not exist yet.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _remove(part)
    try:
        yield part
        os.replace(part, path)
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
