"""Files that appear when they are complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to, and renames it to `path` at the end of the block.

    Nobody ever reads half of what is written. If the block fails, what was at `path` stays, and
    what was written is removed. The block may make a folder instead of a file; it then removes an
    older folder at `path` itself, because folders do not replace each other.

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
