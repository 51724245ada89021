"""Imports of large libraries, a little faster."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Disables garbage collection in the block, then freezes the objects created in it.

    Modules stay; searching through all of torch's costs as much as some of the imports do.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
