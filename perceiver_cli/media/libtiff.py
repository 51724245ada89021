"""The libtiff inside Pillow: what it can unpack, and its messages kept off stderr."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module


def unpacks(compression: int) -> bool:
    """Whether it was built with a compression, by the number in a file's tag 259.

    True where it cannot be asked, as on Windows, where it is part of Pillow's own library.
    """
    try:
        return bool(_library().TIFFIsCODECConfigured(ctypes.c_uint16(compression)))
    except (AttributeError, OSError):
        return True


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Inside the block it prints nothing; for one thread at a time."""
    try:
        set_handler = _library().TIFFSetErrorHandler
    except (AttributeError, OSError):
        yield
        return
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    before = set_handler(None)
    try:
        yield
    finally:
        set_handler(before)


@cache
def _library() -> ctypes.CDLL:
    """Pillow's library, through which those that it links to are found. Raises OSError."""
    return ctypes.CDLL(import_module("PIL._imaging").__file__)
