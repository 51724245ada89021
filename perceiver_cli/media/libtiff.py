"""Pillow's libtiff: its supported compressions, and suppression of its messages."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module


def unpacks(compression: int) -> bool:
    """Whether it was built with a compression, by its number in tag 259 of a file.

    True if unknown, as on Windows, where it is part of Pillow's own library.
    """
    try:
        return bool(_library().TIFFIsCODECConfigured(ctypes.c_uint16(compression)))
    except (AttributeError, OSError):
        return True


@contextmanager
def silent_libtiff() -> Iterator[None]:
    """Suppresses its messages inside the block; for one thread at a time."""
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
    """Pillow's library, through which linked libraries are found. Raises OSError."""
    return ctypes.CDLL(import_module("PIL._imaging").__file__)
