"""The chunks of RIFF files (WAV, AVI), also of those that lack the byte after an odd one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from perceiver_cli.media.parts import Part, join_parts
from perceiver_cli.media.source import Source

_HEAD = 12
_MAGICS = frozenset({b"RIFF", b"RF64", b"BW64"})


class Chunk(NamedTuple):
    """name: its four letters; start: of its content in the file; size: in bytes, as stated.

    padded: whether the byte that belongs after an odd size is there.
    """

    name: bytes
    start: int
    size: int
    padded: bool


class WaveLayout(NamedTuple):
    """samples: where they begin in a WAV file and their stated size in bytes; None without any.

    lacking: the ends of chunks of odd sizes after which the byte is missing that belongs there.
    """

    samples: tuple[int, int] | None
    lacking: list[int]


def wave_layout(source: Source) -> WaveLayout:
    """The layout of a RIFF, RF64 or BW64 file, from the headers of its chunks."""
    samples, large, lacking = None, 0, []
    with source.open() as stream:
        for chunk in riff_chunks(stream):
            if chunk.name == b"ds64":  # RF64 states the size of the samples there
                stream.seek(chunk.start + 8)
                large = int.from_bytes(stream.read(8), "little")
            if chunk.name == b"data" and samples is None:
                samples = (chunk.start, large or chunk.size)
            if not chunk.padded:
                lacking.append(chunk.start + chunk.size)
    return WaveLayout(samples, lacking)


def riff_chunks(stream: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a RIFF, RF64 or BW64 file; none for another one. Reads only their headers."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    position = _HEAD if stream.read(4) in _MAGICS else end
    while position + 8 <= end:
        stream.seek(position)
        head = stream.read(8)
        start, size = position + 8, int.from_bytes(head[4:8], "little")
        position = start + size
        padded = size % 2 == 0 or not _begins_chunk(stream, position, end)
        yield Chunk(head[:4], start, size, padded)
        position += padded * size % 2


def _begins_chunk(stream: BinaryIO, position: int, end: int) -> bool:
    """Whether a chunk begins at a place, to judge by its name and size."""
    if position + 8 > end:
        return False
    stream.seek(position)
    head = stream.read(8)
    fits = position + 8 + int.from_bytes(head[4:8], "little") <= end
    return fits and all(0x20 <= letter < 0x7F for letter in head[:4])


@dataclass(frozen=True)
class _Padded(Source):
    """A RIFF file with the bytes that it lacks."""

    base: Source | None = None
    parts: tuple[Part, ...] = ()

    def open(self) -> BinaryIO:
        """As Source.open."""
        assert self.base is not None
        return join_parts(self.base.open(), self.parts)


def with_padding(source: Source, layout: WaveLayout) -> Source:
    """A WAV file with a byte after each odd chunk, without which no decoder finds the next one.

    Args:
        source: The file.
        layout: Its layout.

    Returns:
        The source itself if it has them all.
    """
    if not layout.lacking:
        return source
    parts: list[Part] = []
    begin = 0
    for end in layout.lacking:
        parts += [(begin, end - begin), b"\0"]
        begin = end
    with source.open() as stream:
        parts.append((begin, stream.seek(0, os.SEEK_END) - begin))
    return _Padded(source.path, base=source, parts=tuple(parts))
