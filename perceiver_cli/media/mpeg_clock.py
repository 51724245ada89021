"""Detects joined MPEG streams by their clock, because their times start again at the seam."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO, Literal

from perceiver_cli.media.source import Source

# How many places of a file are examined, and how many bytes at each: a clock is sent every 0.1 s in
# transport streams, and every 0.7 s in program streams.
_PLACES, _BYTES = 64, 2**17

# How far the clock, of 90,000 ticks a second, goes back at a seam at least, and at most: after
# 26 hours, it starts again by itself.
_BACK, _WRAP = 45_000, 2**32

# Transport packets: their length, and how many bytes are in front of their first one.
_SYNC, _LENGTHS, _IN_SEQUENCE = 0x47, (188, 192), 5
_HAS_ADAPTATION, _HAS_CLOCK, _MIN_ADAPTATION = 0x20, 0x10, 7

_PACK = re.compile(rb"\x00\x00\x01\xba(.{5})", re.DOTALL)


def joined_note(source: Source, format: str, kind: Literal["sound", "film"]) -> tuple[str, ...]:
    """A note if the times of an MPEG stream start again, so that FFmpeg takes parts for one.

    Args:
        source: The file, of which a few megabytes are read.
        format: detect's name for its format. Others than "ts" and "mpeg" give no note.
        kind: The word for the file in the note.
    """
    if format not in _CLOCKS:
        return ()
    with source.open() as stream:
        clocks = defaultdict[int, list[int]](list)
        for piece in _pieces(stream):
            for program, ticks in _CLOCKS[format](piece):
                clocks[program].append(ticks)
    if not any(map(_starts_again, clocks.values())):
        return ()
    return (f"the {kind} consists of parts whose times start again: only some of it is read",)


def _starts_again(ticks: list[int]) -> bool:
    """Whether a clock goes back; a single wrong value does not count."""
    return any(
        _BACK < before - after < _WRAP and later < before
        for before, after, later in zip(ticks, ticks[1:], ticks[2:], strict=False)
    )


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The whole stream, or evenly spaced pieces of a long one."""
    size = stream.seek(0, os.SEEK_END)
    step = max(_BYTES, (size - _BYTES) // (_PLACES - 1))
    for begin in range(0, size, step):
        stream.seek(begin)
        yield stream.read(_BYTES)


def _transport_clock(piece: bytes) -> Iterator[tuple[int, int]]:
    """The clocks in packets of a transport stream: (number of the packets' stream, ticks)."""
    for length in _LENGTHS:
        for first in range(length):
            if set(piece[first : first + _IN_SEQUENCE * length : length]) == {_SYNC}:
                yield from _packet_clocks(piece, first, length)
                return


def _packet_clocks(piece: bytes, first: int, length: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, len(piece) - _LENGTHS[0] + 1, length):
        head = piece[begin : begin + 12]
        adapted = head[0] == _SYNC and head[3] & _HAS_ADAPTATION and head[4] >= _MIN_ADAPTATION
        if adapted and head[5] & _HAS_CLOCK:
            ticks = int.from_bytes(head[6:11], "big") >> 7
            yield int.from_bytes(head[1:3], "big") & 0x1FFF, ticks


def _pack_clock(piece: bytes) -> Iterator[tuple[int, int]]:
    """The clock in pack headers of a program stream: (0, ticks)."""
    for match in _PACK.finditer(piece):
        bits = int.from_bytes(match[1], "big")
        if bits >> 38 == 1:  # MPEG-2
            yield 0, bits >> 5 & 7 << 30 | bits >> 4 & 0x7FFF << 15 | bits >> 3 & 0x7FFF
        elif bits >> 36 == 2:  # MPEG-1
            yield 0, bits >> 3 & 7 << 30 | bits >> 2 & 0x7FFF << 15 | bits >> 1 & 0x7FFF


_CLOCKS = {"ts": _transport_clock, "mpeg": _pack_clock}
