"""The header of a PLY file: which elements it holds, and how they are stored."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.text import find_encoding, line_blocks, printable

Type = np.dtype[Any]

_TYPES = {
    **{"char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "bool": "u1"},
    **{"short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2"},
    **{"int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4"},
    **{"long": "i8", "int64": "i8", "ulong": "u8", "uint64": "u8"},
    **{"half": "f2", "float16": "f2", "float": "f4", "float32": "f4"},
    **{"double": "f8", "float64": "f8"},
}
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
_END = re.compile(rb"(?<=[\r\n])[ \t]*end_header[ \t]*(?:(\r\n|\n|\r)|\Z)")

# Headers are short but for their comments.
_MAX_HEADER = 2**26
_PIECE = 2**16


@dataclass(frozen=True)
class Property:
    """A value of an element's records, or a list of them where `length` is its length's type."""

    name: str
    type: Type
    length: Type | None = None


@dataclass(frozen=True)
class Element:
    """`count` records that have the same properties."""

    name: str
    count: int
    properties: tuple[Property, ...] = ()

    def find(self, *names: str) -> int | None:
        """The index of the first property that has one of these names."""
        found = (i for i, each in enumerate(self.properties) if each.name in names)
        return next(found, None)


@dataclass(frozen=True)
class Header:
    """Elements in the order in which they are stored; names are in lower case."""

    binary: bool
    elements: tuple[Element, ...]

    def find(self, *names: str) -> Element | None:
        """The first element that has one of these names."""
        return next((each for each in self.elements if each.name in names), None)


def read_header(stream: BinaryIO) -> tuple[Header, BinaryIO]:
    """The header at the beginning of a stream, and the stream of the data behind it.

    Raises:
        InputError: "corrupt" for a header that is damaged or cut off, "unsupported" for a type of
            value that is not part of the format.
    """
    if find_encoding(stream.read(_PIECE)).startswith(("utf-16", "utf-32")):
        stream.seek(0)
        stream = io.BytesIO(b"".join(line_blocks(stream)))
    stream.seek(0)
    content, end, begin = b"", None, 0
    while end is None:
        piece = stream.read(_PIECE)
        if not piece or len(content) > _MAX_HEADER:
            raise InputError("corrupt", "the PLY header is cut off")
        content += piece
        end = _END.search(content, begin)
        begin = max(0, len(content) - 100)
    if end.end() == len(content):
        content += stream.read(1)  # the second half of a line end
        end = _END.search(content, end.start()) or end
    # Some files end lines with a carriage return only; a data byte of 10 may follow the last one.
    lone = end[1] == b"\r\n" and re.match(rb"\s*ply[ \t]*\r(?!\n)", content[:100])
    stream.seek(end.end() - bool(lone))
    return _parse(content[: end.start()].decode("latin-1")), stream


def _parse(text: str) -> Header:
    order = ""
    found: list[tuple[str, int, list[Property]]] = []
    for line in re.split(r"[\r\n]+", text):
        words = line.lower().split()
        try:
            match words[:1]:
                case ["format"]:
                    order = _ORDERS[words[1]]
                case ["element"]:
                    found.append((printable(words[1]), _count(words[2]), []))
                case ["property"]:
                    found[-1][2].append(_property(words[1:], order))
        except (IndexError, KeyError, ValueError):
            message = f"the PLY header is damaged: {line.strip()[:60]!r}"
            raise InputError("corrupt", message) from None
    if not order:
        raise InputError("corrupt", "the PLY header does not say how the data are stored")
    elements = tuple(Element(name, count, tuple(each)) for name, count, each in found)
    return Header(order != "=", elements)


def _count(word: str) -> int:
    if not word.isdecimal():
        raise ValueError
    return int(word)


def _property(words: list[str], order: str) -> Property:
    if words[0] == "list":
        length = np.dtype(order + _TYPES[words[1]])
        return Property(words[3], np.dtype(order + _TYPES[words[2]]), length)
    return Property(words[1], np.dtype(order + _TYPES[words[0]]))
