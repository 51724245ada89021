"""Lists of names: files, or standard input."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from typing import BinaryIO

from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.names import STDIN
from perceiver_cli.inputs.standard_input import standard_input

_BLOCK = 2**16


def read_list(files_from: str, null: bool) -> Iterator[str]:
    """Yields the names in a list as they arrive, because its writer may be slow.

    Args:
        files_from: The list, a file; "-" for standard input.
        null: Whether names are separated by NUL bytes, otherwise by line ends.

    Raises:
        OSError: The list cannot be read.
        UsageError: Standard input is closed, or a list of lines contains a NUL byte.
    """
    separator = b"\0" if null else b"\n"
    if files_from == STDIN:
        # Without Python's buffer, which cannot be closed while another thread waits for its lock.
        stream = getattr(standard_input(), "raw", standard_input())
        yield from _names(stream, separator)
    else:
        with open(files_from, "rb", buffering=0) as file:
            yield from _names(file, separator)


def _names(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    for number, record in enumerate(_split(stream, separator)):
        if not number and separator == b"\n":
            record = record.removeprefix(codecs.BOM_UTF8)  # as editors of Windows write it
        if b"\0" in record:
            raise UsageError(
                "--files-from: the list contains NUL bytes; use -0 if they separate the names"
            )
        name = record.rstrip(b"\r\n") if separator == b"\n" else record
        if name:
            yield os.fsdecode(name)


def _split(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *complete, rest = (rest + block).split(separator)
        yield from complete
    yield rest
