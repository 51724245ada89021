"""How many processor threads torch uses in one thread of this program, and in no other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

from perceiver_cli.processor import usable_cores

T = TypeVar("T")

_changing = threading.Lock()


def default_threads() -> int:
    """As many as torch would use in the calling thread, but no more than there are cores."""
    return min(torch.get_num_threads(), usable_cores())


def use_threads(count: int) -> None:
    """Lets torch use `count` processor threads in the calling thread.

    torch.set_num_threads also sets how many are used by threads that begin later, the caller's
    among them. That is put back at once, by a thread of its own, since what a thread has set for
    itself stays.
    """
    if torch.get_num_threads() == count:
        return
    with _changing:
        found = _apart(torch.get_num_threads)
        torch.set_num_threads(count)
        _apart(partial(torch.set_num_threads, found))


def _apart(call: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call).result()
