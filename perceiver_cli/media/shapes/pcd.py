"""PCD, the format of the Point Cloud Library: text, binary and compressed."""

from __future__ import annotations

import re
import struct
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_SHAPE_BYTES, limit_text
from perceiver_cli.media.shapes.rows import RowReader
from perceiver_cli.media.shapes.shape import GrowingArray, Shape, read_exactly
from perceiver_cli.media.text import line_blocks

_DATA = re.compile(rb"^[ \t]*DATA[ \t]+(\w+)[^\r\n]*(?:\r\n|\n|\r)", re.MULTILINE | re.IGNORECASE)
_MAX_HEADER = 2**16
_KINDS = {"F": "f", "I": "i", "U": "u"}


def read_pcd(stream: BinaryIO) -> Shape:
    """The cloud in a PCD file. Raises InputError "corrupt", "unsupported" or "too_large"."""
    head = stream.read(_MAX_HEADER)
    found = _DATA.search(head)
    if not found:
        raise InputError("corrupt", "the PCD header is cut off")
    entries = {}
    for line in re.split(rb"[\r\n]+", head[: found.start()]):
        words = line.decode("latin-1").split()
        if words and not words[0].startswith("#"):
            entries[words[0].upper()] = words[1:]
    try:
        record, count = _layout(entries)
    except (LookupError, ValueError, TypeError) as error:
        raise InputError("corrupt", "the PCD header is damaged") from error
    if not {"x", "y", "z"} <= set(record.names or ()):
        raise InputError("unsupported", "a PCD whose points have no x, y and z")
    if count * record.itemsize > MAX_SHAPE_BYTES:
        raise InputError("too_large", f"the cloud is too large: {limit_text('MAX_SHAPE_BYTES')}")
    stream.seek(found.end())
    stored = found[1].lower()
    if stored == b"ascii":
        return _read_text(stream, record, count)
    if stored == b"binary":
        content = read_exactly(stream, count * record.itemsize, "points")
        records = np.frombuffer(content, record, count)
        return Shape(_axes([records[name] for name in "xyz"]))
    if stored == b"binary_compressed":
        return _read_compressed(stream, record, count)
    raise InputError("unsupported", f"a PCD whose data are {stored.decode()}; save it as binary")


def _layout(entries: dict[str, list[str]]) -> tuple[np.dtype[Any], int]:
    """The type of a point's record, and the number of points."""
    names = entries.get("FIELDS") or entries["COLUMNS"]
    sizes, kinds = entries["SIZE"], entries["TYPE"]
    counts = entries.get("COUNT", ["1"] * len(names))
    fields: list[tuple[str, str, tuple[int, ...]]] = []
    for index, (name, kind, size, count) in enumerate(
        zip(names, kinds, sizes, counts, strict=True)
    ):
        axis = name.lower() if name.lower() in "xyz" and count == "1" else f"other {index}"
        fields.append(
            (axis, f"<{_KINDS[kind.upper()]}{int(size)}", (int(count),) if count != "1" else ())
        )
    points = entries.get("POINTS")
    number = int(points[0]) if points else int(entries["WIDTH"][0]) * int(entries["HEIGHT"][0])
    if number < 0:
        raise ValueError
    return np.dtype(fields), number


def _read_text(stream: BinaryIO, record: np.dtype[Any], count: int) -> Shape:
    assert record.fields is not None
    columns, at = {}, 0
    for name in record.names or ():
        columns[name] = at
        at += int(np.prod(record.fields[name][0].shape, dtype=np.int64))
    points = GrowingArray(3, np.float64)
    # Some programs write commas between the numbers.
    blocks = (block.replace(b",", b" ") for block in line_blocks(stream))
    for rows in RowReader(blocks).take(count, "points"):
        points.append(rows.columns(*(columns[name] for name in "xyz")))
    return Shape(points.rows())


def _read_compressed(stream: BinaryIO, record: np.dtype[Any], count: int) -> Shape:
    """Fields one after another, each for all points, compressed as a whole."""
    assert record.fields is not None
    packed, size = struct.unpack("<II", read_exactly(stream, 8, "points"))
    if size != count * record.itemsize:
        raise InputError("corrupt", "the PCD header and its compressed data do not agree")
    content = unpack_lzf(read_exactly(stream, packed, "points"), size)
    columns = []
    for name in "xyz":
        kind, offset = record.fields[name][:2]
        columns.append(np.frombuffer(content, kind, count, int(offset) * count))
    return Shape(_axes(columns))


def _axes(columns: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.stack(columns, axis=1)


def unpack_lzf(packed: bytes, size: int) -> bytes:
    """Data that LZF has packed, `size` bytes of them. Raises InputError("corrupt")."""
    found = bytearray()
    at, end = 0, len(packed)
    try:
        while at < end and len(found) <= size:
            control = packed[at]
            at += 1
            if control < 32:  # a literal run of that many bytes plus one
                found += packed[at : at + control + 1]
                at += control + 1
                continue
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            begin = len(found) - ((control & 31) << 8) - packed[at] - 1
            at += 1
            if begin < 0:
                raise InputError("corrupt", "the PCD's compressed data are damaged")
            length += 2
            part = found[begin : begin + length]
            # Source and copy may overlap.
            found += part * (length // len(part)) + part[: length % len(part)]
    except IndexError:
        found = bytearray()
    if len(found) != size:
        raise InputError("corrupt", "the PCD's compressed data are cut off or damaged")
    return bytes(found)
