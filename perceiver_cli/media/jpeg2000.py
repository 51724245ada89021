"""JPEG 2000: unsupported variants, and repair of faulty headers that viewers accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from perceiver_cli.media.boxes import boxes, find_box, top_level_box
from perceiver_cli.media.parts import Part, join_parts

REPAIRED = "faulty headers or the missing end of the JPEG 2000 file were repaired"

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 "
_START, _SIZE, _TILE_PART, _END = b"\xff\x4f", b"\xff\x51", b"\xff\x90", b"\xff\xd9"
_TILE_PART_HEADER = 12

# Colour spaces that a colr box names by number (ISO/IEC 15444-2, table M.25) and decoders would
# take for RGB.
_COLOURS = {
    **dict.fromkeys((1, 3, 4), "YCbCr"),
    9: "PhotoYCC",
    11: "CMY",
    13: "YCCK",
    14: "CIELab",
    19: "CIEJab",
    **dict.fromkeys((22, 23), "YPbPr"),
    24: "e-sYCC",
}
_ENUMERATED, _SRGB, _GREY = 1, 16, 17
_KEPT = frozenset({b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"})
_MAX_CHANNELS = 4


def unsupported_coding(stream: BinaryIO) -> str | None:
    """What kind of JPEG 2000 a file is if it cannot be read, as "in CIELab colours".

    Args:
        stream: A JP2 file or a code stream at its beginning, where it is left again.

    Returns:
        The kind, or None for an ordinary one and for one whose header is damaged.
    """
    start, _ = _code_stream(stream)
    stream.seek(start)
    head = stream.read(42 + 3 * _MAX_CHANNELS)
    header = dict(reversed(list(boxes(top_level_box(stream, b"jp2h")))))
    stream.seek(0)
    colour = _foreign_colour(header.get(b"colr", b""))
    if colour:
        return f"in {colour} colours"
    if head[:4] != _START + _SIZE or len(head) < 45:
        return None
    channels = int.from_bytes(head[40:42], "big")
    if _MAX_CHANNELS < channels <= 2**14:
        return f"of {channels} channels"
    steps = [head[43 + 3 * i : 45 + 3 * i] for i in range(channels)]
    if channels in (1, 2) and any(step != b"\1\1" for step in steps) and b"\0" not in steps[0]:
        return "with pixels that are not square, or channels of different sizes"
    return None


def repair(stream: BinaryIO) -> BinaryIO:
    """The same picture with only the headers that matter, and an end marker.

    Encoders in wide use count the parts of a tile wrongly, write boxes that are cut short, or
    leave the end marker out.

    Args:
        stream: A JP2 file or a code stream. It is closed with the stream that is returned.

    Returns:
        A stream of the repaired file.
    """
    start, end = _code_stream(stream)
    content = list(_repaired_parts(stream, start, end))
    length = sum(len(part) if isinstance(part, bytes) else part[1] for part in content)
    header = top_level_box(stream, b"jp2h")
    if header:
        content.insert(0, _box(b"jp2h", _header(header)) + _head(b"jp2c", length))
        content.insert(0, _SIGNATURE)
    stream.seek(0)
    return join_parts(stream, content)


def _code_stream(stream: BinaryIO) -> tuple[int, int]:
    """Where it begins and ends in a file."""
    end = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(2) == _START:
        return 0, end
    start, length = find_box(stream, b"jp2c") or (0, 0)
    return start, min(end, start + length)


def _repaired_parts(stream: BinaryIO, start: int, end: int) -> Iterator[Part]:
    """The code stream with tile-parts that do not say how many they are, and with an end marker."""
    position, kept = start + 2, start
    while position < end:
        stream.seek(position)
        head = stream.read(_TILE_PART_HEADER)
        if head[:2] == _TILE_PART and len(head) == _TILE_PART_HEADER:
            count = position + _TILE_PART_HEADER - 1
            yield kept, count - kept
            yield b"\0"
            kept = count + 1
            # A length of 0 is the rest of the file.
            position += int.from_bytes(head[6:10], "big") or end - position
        elif head[:2] == _END or len(head) < 4 or head[0] != 0xFF:
            break
        else:
            position += 2 + int.from_bytes(head[2:4], "big")
    position = min(position, end)
    stream.seek(position)
    if stream.read(2) == _END:
        position += 2
    if position > kept:
        yield kept, position - kept
    yield _END


def _header(content: bytes) -> bytes:
    """The content of a jp2h box without what only describes the picture."""
    found = [(kind, body) for kind, body in boxes(content) if kind in _KEPT]
    colours = [body for kind, body in found if kind == b"colr" and len(body) >= 7]
    if not colours:
        channels = next((body[8:10] for kind, body in found if kind == b"ihdr"), b"\0\3")
        space = _SRGB if channels >= b"\0\3" else _GREY
        colours = [bytes([_ENUMERATED, 0, 0]) + space.to_bytes(4, "big")]
    others = [(kind, body) for kind, body in found if kind not in (b"colr", b"ihdr")]
    first = [(kind, body) for kind, body in found if kind == b"ihdr"]
    return b"".join(
        _box(kind, body) for kind, body in [*first, *((b"colr", each) for each in colours), *others]
    )


def _foreign_colour(colr: bytes) -> str | None:
    if colr[:1] == bytes([_ENUMERATED]):
        return _COLOURS.get(int.from_bytes(colr[3:7], "big"))
    return "CIELab" if colr[19:23] == b"Lab " else None


def _box(kind: bytes, content: bytes) -> bytes:
    return _head(kind, len(content)) + content


def _head(kind: bytes, length: int) -> bytes:
    if length + 8 < 2**32:
        return (length + 8).to_bytes(4, "big") + kind
    return (1).to_bytes(4, "big") + kind + (length + 16).to_bytes(8, "big")
