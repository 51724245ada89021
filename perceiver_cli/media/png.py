"""Removal of ancillary chunks from PNG files."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from perceiver_cli.errors import InputError
from perceiver_cli.media.parts import Part, join_parts

_SIGNATURE = 8
_OVERHEAD = 12  # length, name and checksum

# Transparency, animation, orientation. Damaged frames of an animation are left to the decoder.
_KEPT_IF_SOUND = frozenset({b"tRNS", b"acTL", b"eXIf"})
_KEPT = frozenset({b"fcTL", b"fdAT"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})

# Editors without eXIf write the orientation into one of these texts.
_TELLING = (b"Raw profile type exif\0", b"Raw profile type APP1\0", b"XML:com.adobe.xmp\0")

# Maximum length of texts that are read; an orientation takes only a few bytes.
_MAX_TEXT = 2**20


def strip_ancillary_chunks(stream: BinaryIO) -> BinaryIO:
    """The same picture without texts, colour profiles and other ancillary chunks.

    Damage in them then does not matter, as in viewers.

    Args:
        stream: A PNG file at its beginning. It is closed with the stream that is returned.

    Returns:
        A stream of the PNG file that is left.

    Raises:
        InputError: "unsupported" for Apple's own variant, whose pixels no other decoder reads.
    """
    end = stream.seek(0, 2)
    parts: list[tuple[int, int]] = [(0, min(end, _SIGNATURE))]
    position = _SIGNATURE
    while position + 8 <= end:
        stream.seek(position)
        head = stream.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        whole = _OVERHEAD + length
        if name == b"CgBI":
            raise InputError(
                "unsupported", "a PNG of an iOS program (CgBI); export it as plain PNG"
            )
        if not name.isalpha() or position + whole > end:
            # Damaged or truncated: the decoder reports it.
            parts.append((position, end - position))
            break
        if _is_kept(stream, name, length):
            parts.append((position, whole))
        position += whole
        if name == b"IEND":
            break
    stream.seek(0)
    return join_parts(stream, _merged(parts))


def _is_kept(stream: BinaryIO, name: bytes, length: int) -> bool:
    """Whether the chunk whose content begins at the stream's position is kept."""
    critical = not name[0] & 0x20
    if critical or name in _KEPT:
        return True
    if length > _MAX_TEXT or name not in _KEPT_IF_SOUND | _TEXTS:
        return False
    content, checksum = stream.read(length), stream.read(4)
    if zlib.crc32(name + content) != int.from_bytes(checksum, "big"):
        return False
    return name in _KEPT_IF_SOUND or _holds_orientation(name, content)


def _holds_orientation(name: bytes, content: bytes) -> bool:
    telling = next((word for word in _TELLING if content.startswith(word)), None)
    if telling is None:
        return False
    packed = name == b"zTXt" or (
        name == b"iTXt" and content[len(telling) : len(telling) + 1] > b"\0"
    )
    if not packed:
        return True
    # Only its unpacked size matters, so the rest of the header is skipped roughly.
    start = content.find(b"\x78", len(telling))
    try:
        unpacker = zlib.decompressobj()
        unpacker.decompress(content[start:], _MAX_TEXT)
    except zlib.error:
        return False
    return start >= 0 and unpacker.eof


def _merged(parts: list[tuple[int, int]]) -> list[Part]:
    """Adjacent parts merged, without empty ones."""
    merged: list[tuple[int, int]] = []
    for start, length in parts:
        if merged and sum(merged[-1]) == start:
            merged[-1] = (merged[-1][0], merged[-1][1] + length)
        elif length:
            merged.append((start, length))
    return list(merged)
