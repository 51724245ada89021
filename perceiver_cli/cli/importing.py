"""Speeds up imports of large libraries."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Disables garbage collection in the block, then freezes the objects created in it.

    Modules are never freed, and scanning all objects of torch takes as long as some of the imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
