"""The pages of Ogg files: whether the last one is there, and where concatenated files begin."""

from __future__ import annotations

from typing import BinaryIO

from perceiver_cli.media.parts import SourcePart, last_bytes
from perceiver_cli.media.source import Source

_CAPTURE = b"OggS"
_HEADER = 27
_BEGINS = 2  # flag of a logical stream's first page
_ENDS = 4  # flag of its last page
_SEARCH = 2**17


def is_ended(stream: BinaryIO) -> bool:
    """Whether the last page is whole and says that it is the last, or cannot be found.

    Args:
        stream: An Ogg file.
    """
    tail = last_bytes(stream, _SEARCH)
    at = tail.rfind(_CAPTURE + b"\0")
    if at < 0:
        return True
    head = tail[at : at + _HEADER]
    sizes = tail[at + _HEADER :][: head[26]] if len(head) == _HEADER else b""
    end = at + _HEADER + len(sizes) + sum(sizes)
    is_whole = len(head) == _HEADER and len(sizes) == head[26] and end <= len(tail)
    return is_whole and bool(head[5] & _ENDS)


def chain_links(source: Source) -> list[Source]:
    """The links of a chained Ogg file.

    Args:
        source: An Ogg file.

    Returns:
        A source for each link, in order; the source itself if there is only one.
    """
    starts = [0]
    with source.open() as stream:
        size = stream.seek(0, 2)
        position, beginning = 0, True
        while position + _HEADER <= size:
            stream.seek(position)
            page = stream.read(_HEADER)
            if not page.startswith(_CAPTURE):
                # Damage: search for the next page.
                stream.seek(position)
                found = stream.read(_SEARCH).find(_CAPTURE, 1)
                if found < 0:
                    break
                position += found
                continue
            begins = bool(page[5] & _BEGINS)
            if begins and not beginning:
                starts.append(position)
            beginning = begins
            position += _HEADER + page[26] + sum(stream.read(page[26]))
    if len(starts) == 1:
        return [source]
    ends = [*starts[1:], size]
    return [
        SourcePart(source.path, base=source, start=start, length=end - start)
        for start, end in zip(starts, ends, strict=True)
    ]
