"""Names of unsupported codecs, read from a container's own headers."""

from __future__ import annotations

import re
from typing import BinaryIO, Literal

from perceiver_cli.media.boxes import find_box, placed_boxes
from perceiver_cli.media.source import Source

Kind = Literal["pictures", "sound"]

_ISO = frozenset({"mp4", "m4a", "mov", "3gp"})
_HANDLERS: dict[Kind, bytes] = {"pictures": b"vide", "sound": b"soun"}
_MATROSKA: dict[Kind, re.Pattern[bytes]] = {
    "pictures": re.compile(rb"\x86[\x81-\xbf](V_[A-Z0-9_/.]+)"),
    "sound": re.compile(rb"\x86[\x81-\xbf](A_[A-Z0-9_/.]+)"),
}
_AVI = re.compile(rb"strh....vids(....)", re.DOTALL)

# Sample entries of encrypted tracks.
_ENCRYPTED = frozenset({"encv", "enca", "drmi", "drms"})

_HEAD = 2**20
_BEGINNING = 16


def undecodable(source: Source, format: str, kind: Kind) -> str:
    """A message that a container's pictures or sound cannot be decoded.

    Args:
        source: The container.
        format: detect's name for it.
        kind: "pictures" or "sound".

    Returns:
        A clause, such as "its pictures cannot be decoded (codec zzzz)".
    """
    clause = f"its {kind} cannot be decoded"
    name = _codec_name(source, format, kind)
    if name in _ENCRYPTED:
        return f"{clause} (encrypted)"
    return f"{clause} (codec {name})" if name else clause


def is_encrypted(source: Source, format: str, kind: Kind) -> bool:
    """Whether a container's pictures or sound are encrypted, although their codec is known.

    Args:
        source: The container.
        format: detect's name for it.
        kind: Which of them.
    """
    return format in _ISO and _codec_name(source, format, kind) in _ENCRYPTED


def _codec_name(source: Source, format: str, kind: Kind) -> str | None:
    with source.open() as stream:
        if format in _ISO:
            found = _iso_sample_entry(stream, _HANDLERS[kind])
        else:
            head = stream.read(_HEAD)
            pattern = _AVI if format == "avi" and kind == "pictures" else _MATROSKA[kind]
            match = pattern.search(head)
            found = match and match[1]
    name = (found or b"").decode("ascii", "replace").strip(" \0")
    return name if name and name.isprintable() and name.isascii() else None


def _iso_sample_entry(stream: BinaryIO, handler: bytes) -> bytes | None:
    """The type of the first sample entry of the first track with a handler."""
    movie = find_box(stream, b"moov")
    if movie is None:
        return None
    for name, track in placed_boxes(stream, movie):
        media = find_box(stream, b"mdia", track) if name == b"trak" else None
        if media and _content(stream, find_box(stream, b"hdlr", media))[8:12] == handler:
            place: tuple[int, int] | None = media
            for inner in (b"minf", b"stbl", b"stsd"):
                place = place and find_box(stream, inner, place)
            return _content(stream, place)[12:16]
    return None


def _content(stream: BinaryIO, place: tuple[int, int] | None) -> bytes:
    """The beginning of a box's content."""
    if place is None:
        return b""
    stream.seek(place[0])
    return stream.read(min(place[1], _BEGINNING))
