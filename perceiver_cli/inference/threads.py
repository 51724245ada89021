"""How many processor threads torch uses in one thread of this program, and in no other."""

from __future__ import annotations

from functools import cache
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
    caller's among them; OpenMP's own setting concerns one thread alone.
    """
    # In a thread's first call torch sets OpenMP's number: that has to be over.
    if torch.get_num_threads() != count:
        for library in _openmp():
            library.set_num_threads(count)


@cache
def _openmp() -> list[Any]:
    """The OpenMP libraries that this process has loaded."""
    found: list[Any] = ThreadpoolController().select(user_api="openmp").lib_controllers
    return found
