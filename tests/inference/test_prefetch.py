"""Prefetching: order, exceptions, and the end of the background thread."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from perceiver_cli.inference.prefetch import prefetch


class Numbers:
    """0, 1, 2, ... of a generator that notes what it does, and fails at a number."""

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.begun: list[int] = []
        self.threads: set[threading.Thread] = set()
        self.closed = False
        self.waiting = threading.Semaphore(0)

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(100):
                self.begun.append(number)
                self.threads.add(threading.current_thread())
                self.waiting.release()
                if number == self.failing:
                    raise OSError("cannot be read")
                yield number
        finally:
            self.closed = True


def test_all_values_come_in_order_from_one_other_thread():
    numbers = Numbers()
    assert list(prefetch(numbers)) == list(range(100))
    (thread,) = numbers.threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()
    assert list(prefetch([])) == []


def test_one_value_is_made_ahead_and_no_more():
    numbers = Numbers()
    with closing(prefetch(numbers)) as values:
        for value in values:
            for _ in range(2 if value == 0 else 1):
                numbers.waiting.acquire()  # the next one is begun although this one is in use
            assert numbers.begun[-1] == value + 1
            if value == 20:
                break
    assert numbers.begun == list(range(22))


def test_a_failure_comes_after_the_values_before_it():
    numbers = Numbers(failing=3)
    values = prefetch(numbers)
    assert [next(values) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="cannot be read"):
        next(values)
    assert not any(thread.is_alive() for thread in numbers.threads)


def test_closed_early_it_leaves_no_thread_and_nothing_open():
    numbers = Numbers()
    values = prefetch(numbers)
    assert next(values) == 0
    (thread,) = numbers.threads
    assert thread.is_alive()
    values.close()
    assert not thread.is_alive()
    assert numbers.begun == [0, 1]
    taken = iter(Numbers())
    with closing(prefetch(taken)) as values:
        next(values)
    assert next(taken) == 2
