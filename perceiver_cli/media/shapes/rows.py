"""Lines of numbers, read many at a time."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from perceiver_cli.array_types import FloatArray, IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.shapes.shape import ragged_range

_FORTRAN_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[-+]?\d)")


@dataclass(frozen=True)
class Rows:
    """The numbers of some lines.

    Attributes:
        values: float64 [T], all numbers in order; NaN for other words.
        starts: Integers [R], index of the first number of each line.
        counts: Integers [R], number of numbers of each line.
    """

    values: FloatArray
    starts: IntegerArray
    counts: IntegerArray

    def __len__(self) -> int:
        return len(self.counts)

    def columns(self, *columns: int) -> FloatArray:
        """float64 [R, len(columns)]; NaN for missing columns."""
        at = self.starts[:, None] + np.array(columns)
        there = np.array(columns) < self.counts[:, None]
        padded = self.values if len(self.values) else np.full(1, np.nan)
        return np.where(there, padded[np.minimum(at, len(padded) - 1)], np.nan)

    def lists(self, column: int) -> tuple[FloatArray, IntegerArray]:
        """Lists whose length is in a column: (their values [C], their lengths [R]).

        Raises:
            InputError: "corrupt" if a list is longer than its line.
        """
        stated = self.columns(column)[:, 0]
        if not (stated < self.counts - column).all() or not (stated >= 0).all():
            raise InputError("corrupt", "cut off: a face has fewer corners than it states")
        sizes = stated.astype(np.int64)
        at = np.repeat(self.starts + column + 1, sizes) + ragged_range(sizes)
        return self.values[at], sizes

    def part(self, begin: int, end: int) -> Rows:
        """The lines from `begin` to before `end`."""
        return Rows(self.values, self.starts[begin:end], self.counts[begin:end])


def read_rows(text: bytes) -> Rows:
    r"""The numbers of lines that end in "\n", separated by white space, blank lines included.

    Decimal commas, Fortran's exponents (1.5D3) and the spellings of NaN in C libraries are
    supported; any other word becomes NaN.
    """
    content = np.frombuffer(text, np.uint8)
    space = (content == 32) | ((content >= 9) & (content <= 13))
    begins = ~space
    begins[1:] &= space[:-1]
    starts = np.flatnonzero(begins)
    ends = np.flatnonzero(content == 10)
    if text and not text.endswith(b"\n"):
        ends = np.append(ends, len(content))
    firsts = np.searchsorted(starts, np.concatenate([[0], ends]))
    values = _quickly(text)
    if values is None or len(values) != len(starts):
        words = text.split() if len(starts) else []
        values = np.array([as_number(word.decode("latin-1")) for word in words], np.float64)
    return Rows(values, firsts[:-1], np.diff(firsts))


def as_number(word: str) -> float:
    """The number in a word; NaN for any other word."""
    try:
        return float(word) if "_" not in word else np.nan
    except ValueError:
        pass
    plain = _FORTRAN_EXPONENT.sub("e", word.replace(",", ".").replace("−", "-"))
    try:
        return float(plain) if "_" not in plain else np.nan
    except ValueError:
        return np.nan


class RowReader:
    """The lines of a text that are not blank, some at a time."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rows = read_rows(b"")

    def more(self) -> bool:
        """Whether any line is left."""
        while not len(self._rows):
            block = next(self._blocks, None)
            if block is None:
                return False
            rows = read_rows(block)
            filled = rows.counts > 0
            self._rows = Rows(rows.values, rows.starts[filled], rows.counts[filled])
        return True

    def take(self, count: int, what: str) -> Iterator[Rows]:
        """The next `count` lines, in blocks.

        Raises:
            InputError: "corrupt" if fewer follow; `what` names them.
        """
        while count:
            if not self.more():
                raise InputError("corrupt", f"cut off: missing {what}: {count:,}")
            taken = self._rows.part(0, count)
            self._rows = self._rows.part(len(taken), len(self._rows))
            count -= len(taken)
            yield taken


def _quickly(text: bytes) -> FloatArray | None:
    """All numbers of a text, or None if it has other words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # older versions warn where newer ones raise
            return np.fromstring(text, np.float64, sep=" ")
    except ValueError:
        return None
