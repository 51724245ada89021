"""Computes the next value of an iterator in a background thread."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")


def prefetch(values: Iterable[Value]) -> Generator[Value, None, None]:
    """Yields the values of an iterator, with the next one computed in a background thread.

    Args:
        values: The iterator, which only that thread reads.

    Yields:
        The same values in the same order. Closing the generator ends its thread, which first
        finishes the value that it is computing.

    Raises:
        BaseException: An exception that `values` raises, after the values before it.
    """
    remaining, end = iter(values), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, remaining, end)
        while (value := coming.result()) is not end:
            coming = thread.submit(next, remaining, end)
            yield value  # type: ignore[misc]
