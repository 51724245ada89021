"""The data of a binary PLY file: records, of different lengths if they contain lists."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.array_types import IntegerArray
from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text
from perceiver_cli.media.shapes.ply_header import Element, Type
from perceiver_cli.media.shapes.shape import columns, ragged_range

_BYTES_AT_ONCE = 2**22


class BinaryReader:
    """The elements of a binary body, which have to be read in the order of the header.

    Every method raises InputError("corrupt") if the file ends before the element does.
    """

    def __init__(self, body: BinaryIO) -> None:
        self._content = body.read(MAX_SHAPE_BYTES)
        self._at = 0

    def values(self, element: Element, indices: Sequence[int]) -> npt.NDArray[Any]:
        """Properties that are not lists: numbers [records, len(indices)], a view if possible.

        Raises:
            InputError: "too_large" if they would need much more memory than the file.
        """
        types = [element.properties[index].type for index in indices]
        records = self._even(element)
        if 8 * len(indices) * element.count > 2 * MAX_SHAPE_BYTES and len(set(types)) > 1:
            raise InputError(
                "too_large", f"the shape is too large: {limit_text('MAX_SHAPE_BYTES')}"
            )
        if records is None:
            starts, _ = self._uneven(element, indices)
            found = zip(starts.T, types, strict=True)
            return np.stack([_gather(self._content, at, kind) for at, kind in found], axis=1)
        return columns(records, [str(index) for index in indices])

    def lists(self, element: Element, index: int) -> Iterator[tuple[IntegerArray, IntegerArray]]:
        """One list of each record, some records at a time: their values [C] and lengths [R]."""
        kind = element.properties[index].type
        records = self._even(element)
        if records is None:
            starts, sizes = self._uneven(element, [index])
            yield from _uneven_lists(self._content, starts[:, 0], sizes[:, 0], kind)
            return
        values = records[str(index)]
        step = max(1, _BYTES_AT_ONCE // max(1, values.shape[1] * kind.itemsize))
        for begin in range(0, len(values), step):
            part = values[begin : begin + step]
            yield part.reshape(-1), np.full(len(part), part.shape[1])

    def skip(self, element: Element) -> None:
        """Skips an element."""
        if self._even(element) is None:
            self._uneven(element, [])

    def _even(self, element: Element) -> npt.NDArray[np.void] | None:
        """The records, if their lists have the same length in all of them; else None.

        Fields are named by the indices of the properties: "0", "1"; a list's length "n1".
        """
        fields: list[tuple[str, Type, tuple[int, ...]]]
        if not element.count:
            fields = [
                (str(i), each.type, (0,) * bool(each.length))
                for i, each in enumerate(element.properties)
            ]
            return np.empty(0, fields)
        lengths: dict[str, int] = {}
        fields = []
        at = self._at
        for index, each in enumerate(element.properties):
            shape: tuple[int, ...] = ()
            if each.length is not None:
                shape = (self._length(at, each.length),)
                lengths[f"n{index}"] = shape[0]
                fields.append((f"n{index}", each.length, ()))
                at += each.length.itemsize
            fields.append((str(index), each.type, shape))
            at += each.type.itemsize * (shape[0] if shape else 1)
            self._check(at, element)
        kind = np.dtype(fields)
        end = self._at + element.count * kind.itemsize
        if lengths and end > len(self._content):
            return None
        self._check(end, element)
        if not kind.itemsize:
            return np.empty(element.count, kind)
        records = np.frombuffer(self._content, kind, element.count, self._at)
        if not all((records[name] == length).all() for name, length in lengths.items()):
            return None
        self._at = end
        return records

    def _uneven(
        self, element: Element, indices: Sequence[int]
    ) -> tuple[IntegerArray, IntegerArray]:
        """Start positions and numbers of the values of some properties: [records, indices]."""
        count = element.count
        if 16 * count * len(indices) > MAX_SHAPE_BYTES // 2:
            raise InputError(
                "too_large", f"the shape is too large: {limit_text('MAX_SHAPE_BYTES')}"
            )
        self._check(self._at + count, element)
        steps = [
            (each.length, each.type.itemsize, index in indices)
            for index, each in enumerate(element.properties)
        ]
        starts, sizes = array("q"), array("q")
        at = self._at
        for _ in range(count):
            for length, itemsize, wanted in steps:
                size = 1
                if length is not None:
                    size = self._length(at, length)
                    at += length.itemsize
                if wanted:
                    starts.append(at)
                    sizes.append(size)
                at += size * itemsize
            self._check(at, element)
        self._at = at
        shape = (count, len(indices))
        found = (np.array(each, np.int64).reshape(shape) for each in (starts, sizes))
        begins, numbers = found
        return begins, numbers

    def _length(self, at: int, kind: Type) -> int:
        raw = self._content[at : at + kind.itemsize]
        big, signed = kind.str[0] == ">", kind.kind == "i"
        size = int.from_bytes(raw, "big" if big else "little", signed=signed)
        if len(raw) < kind.itemsize or kind.kind not in "iu" or size < 0:
            raise InputError("corrupt", "cut off, or a list without a length")
        return size

    def _check(self, end: int, element: Element) -> None:
        if end > len(self._content):
            message = f"cut off: fewer {element.name} records than the PLY header states"
            raise InputError("corrupt", f"{message} ({element.count:,})")


def _uneven_lists(
    content: bytes, starts: IntegerArray, sizes: IntegerArray, kind: Type
) -> Iterator[tuple[IntegerArray, IntegerArray]]:
    ends = np.cumsum(sizes * kind.itemsize)
    begin = 0
    while begin < len(sizes):
        before = int(ends[begin - 1]) if begin else 0
        stop = int(np.searchsorted(ends, before + _BYTES_AT_ONCE, side="right"))
        stop = max(stop, begin + 1)
        part = sizes[begin:stop]
        if len(part) == 1:
            yield np.frombuffer(content, kind, int(part[0]), int(starts[begin])), part
        else:
            at = np.repeat(starts[begin:stop], part) + ragged_range(part) * kind.itemsize
            yield _gather(content, at, kind), part
        begin = stop


def _gather(content: bytes, starts: IntegerArray, kind: Type) -> npt.NDArray[Any]:
    """The values [N] that start at these bytes [N]."""
    at = starts[:, None] + np.arange(kind.itemsize)
    found: npt.NDArray[Any] = np.frombuffer(content, np.uint8)[at].view(kind)
    return found[:, 0]
