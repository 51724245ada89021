"""Number of processor threads that torch uses in one thread of this program only."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

from perceiver_cli.processor import usable_cores


def default_threads() -> int:
    """The number that torch would use in the calling thread, at most the number of cores."""
    return min(torch.get_num_threads(), usable_cores())


def use_threads(count: int) -> None:
    """Sets the number of processor threads that torch uses in the calling thread.

    torch.set_num_threads would also change it for threads that start later, among them those of
    the calling program; the settings of OpenMP and MKL hold for one thread.
    """
    # Torch sets both numbers at the first call in a thread, so that call must come first.
    if torch.get_num_threads() != count:
        for library in _openmp():
            library.set_num_threads(count)
        _set_mkl()(count)


@cache
def _openmp() -> list[Any]:
    """The OpenMP libraries that this process has loaded."""
    found: list[Any] = ThreadpoolController().select(user_api="openmp").lib_controllers
    return found


@cache
def _set_mkl() -> Callable[[int], object]:
    """MKL's own function, if torch contains MKL: it takes precedence over OpenMP's number."""
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"))
        return library.MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return lambda count: None
