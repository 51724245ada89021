"""Imports of large libraries, a little faster."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Inside the block nothing is searched for garbage, and what it makes never will be.

    Modules stay; searching through all of torch's costs as much as some of the imports do.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
