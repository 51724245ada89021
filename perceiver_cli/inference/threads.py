"""How many processor threads torch uses in one thread of this program, and in no other."""

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
    """As many as torch would use in the calling thread, but no more than there are cores."""
    return min(torch.get_num_threads(), usable_cores())


def use_threads(count: int) -> None:
    """Lets torch use `count` processor threads in the calling thread.

    torch.set_num_threads would also set how many are used by threads that begin later, the
    caller's among them; the settings of OpenMP and MKL concern one thread alone.
    """
    # In a thread's first call torch sets both numbers: that has to be over.
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
    """MKL's function, where torch has MKL within: its number goes before OpenMP's, once set."""
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).with_name("lib") / "libtorch_cpu.so"))
        return library.MKL_Set_Num_Threads_Local
    except (OSError, AttributeError):
        return lambda count: None
