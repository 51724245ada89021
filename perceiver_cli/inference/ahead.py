"""Values that a thread makes while the one before is used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Value = TypeVar("Value")


def one_ahead(values: Iterable[Value]) -> Generator[Value, None, None]:
    """The values, of which a thread takes the next one while the caller uses the one before.

    Args:
        values: Only that thread iterates over them.

    Yields:
        The same values in the same order. Close the generator to end its thread, which finishes
        the value that it works on.

    Raises:
        BaseException: What `values` raises, after the values before it.
    """
    remaining, end = iter(values), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, remaining, end)
        while (value := coming.result()) is not end:
            coming = thread.submit(next, remaining, end)
            yield value  # type: ignore[misc]
