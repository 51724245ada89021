"""Detects truncated sounds and videos by the length in their headers, because decoders do not."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import BinaryIO, Literal, NamedTuple

from perceiver_cli.media.boxes import placed_boxes
from perceiver_cli.media.containers import open_container, sound_stream
from perceiver_cli.media.extents import measured_extent, stated_extent
from perceiver_cli.media.mpeg_end import program_is_whole, transport_is_whole
from perceiver_cli.media.ogg import is_ended
from perceiver_cli.media.riff import WaveLayout
from perceiver_cli.media.source import Source
from perceiver_cli.media.xing import stated_size
from perceiver_cli.media.zeros import NEVER_ZERO, share_before_zeros


class Place(NamedTuple):
    """The position of content in a file, and its stated length in bytes.

    whole: False for the last of several parts, after which more may be missing.
    """

    start: int
    length: int
    whole: bool = True


# Sizes written by programs that do not know the length: zero or the maximum.
_UNKNOWN = frozenset({0, 2**56 - 1, 2**63 - 1, 2**64 - 1})
# Some programs write the maximum of 32 bits minus the length of the headers.
_NEARLY_MAX = frozenset({2**31 - 2**16, 2**32 - 2**16})
# Many files that play well lack a few bytes.
_SLACK = 0.99
# Sounds whose header states the number of samples.
_STATED_DURATIONS = frozenset({"tta", "wavpack"})

_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_FLV_METADATA, _FLV_SIZE = 2**16, b"\x00\x08filesize\x00"
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"


def cut_off_note(source: Source, format: str, kind: Literal["sound", "film"]) -> tuple[str, ...]:
    """A note if a file is shorter than its header states, or ends in zeros.

    Args:
        source: The file.
        format: detect's name for its format, not "wav". Formats that state neither a length nor an
            end never give a note.
        kind: The word for the file in the note.
    """
    if format in NEVER_ZERO:
        with source.open() as stream:
            share = share_before_zeros(stream)
        if share < 1:
            return (_how_much(kind, share),)
    if format in _STATED_DURATIONS:
        return duration_note(source, format)
    if format in _ENDINGS:
        with source.open() as stream:
            whole = _ENDINGS[format](stream)
        return () if whole else (f"the {kind} is cut off: its end is missing",)
    if format not in _PLACES:
        return ()
    with source.open() as stream:
        place = _PLACES[format](stream)
        return _note(place, stream, kind)


def wave_cut_off_note(source: Source, layout: WaveLayout) -> tuple[str, ...]:
    """As cut_off_note, for a WAV file.

    Args:
        source: The file.
        layout: Its layout.
    """
    with source.open() as stream:
        return _note(Place(*layout.samples) if layout.samples else None, stream, "sound")


def duration_note(source: Source, format: str) -> tuple[str, ...]:
    """As cut_off_note, for a sound whose header states a number of samples, such as FLAC.

    Args:
        source: The file, all of which is read.
        format: detect's name for its format.
    """
    with open_container(source, format) as container:
        stream = sound_stream(container)
        stated, found = stated_extent(container, stream), measured_extent(container, stream)
    if not (stated and found) or found.duration_s >= _SLACK * stated.duration_s:
        return ()
    return (_how_much("sound", found.duration_s / stated.duration_s),)


def _note(place: Place | None, stream: BinaryIO, kind: str) -> tuple[str, ...]:
    if place is None or _is_unknown(place.length):
        return ()
    held = max(0, stream.seek(0, os.SEEK_END) - place.start)
    if held >= _SLACK * place.length:
        return ()
    if not place.whole:
        return (f"the {kind} is cut off: its end is missing",)
    return (_how_much(kind, held / place.length),)


def _how_much(kind: str, share: float) -> str:
    how_much = f"{share:.0%}" if share >= 0.01 else "less than 1%"
    return f"the {kind} is cut off: {how_much} of it is there"


def _is_unknown(length: int) -> bool:
    return length in _UNKNOWN or length - length % 2**16 in _NEARLY_MAX


def _avi(stream: BinaryIO) -> Place | None:
    """The last RIFF list; long files have several."""
    position = 0
    place: Place | None = None
    while (head := _read_at(stream, position, 8)).startswith(b"RIFF"):
        place = Place(position + 8, int.from_bytes(head[4:], "little"), whole=not position)
        position = place.start + place.length + place.length % 2
    return place


def _iso(stream: BinaryIO) -> Place | None:
    """The media data box that ends last."""
    boxes = list(placed_boxes(stream, (0, None)))
    media = [place for kind, place in boxes if kind == b"mdat"]
    if not media:
        return None
    in_fragments = any(kind == b"moof" for kind, _ in boxes)
    return Place(*max(media, key=sum), whole=not in_fragments)


def _matroska(stream: BinaryIO) -> Place | None:
    """The segment."""
    head = stream.read(64)
    size, digits = _vint(head[4:])
    at = 4 + digits + size
    if head[at : at + 4] != _MATROSKA_SEGMENT:
        return None
    size, digits = _vint(head[at + 4 :])
    unknown = size == 2 ** (7 * digits) - 1
    return None if unknown else Place(at + 4 + digits, size)


def _vint(content: bytes) -> tuple[int, int]:
    """An EBML number at the beginning of content: its value and its length in bytes."""
    first = content[0] if content else 0
    length = 9 - first.bit_length() if first else 0
    return int.from_bytes(content[:length], "big") & (2 ** (7 * length) - 1), length


def _asf(stream: BinaryIO) -> Place | None:
    """The packets."""
    head = stream.read(24)
    at = int.from_bytes(head[16:], "little")
    head = _read_at(stream, at, 24)
    return Place(at, int.from_bytes(head[16:], "little")) if head[:16] == _ASF_DATA else None


def _form(stream: BinaryIO) -> Place | None:
    """The whole of AIFF and other IFF files; DSDIFF has sizes of 64 bits."""
    head = stream.read(12)
    if head[:4] == b"FRM8":
        return Place(12, int.from_bytes(head[4:], "big"))
    return Place(8, int.from_bytes(head[4:8], "big"))


def _au(stream: BinaryIO) -> Place | None:
    head = stream.read(12)
    return Place(int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:], "big"))


def _caf(stream: BinaryIO) -> Place | None:
    """The data chunk."""
    position = 8
    while len(head := _read_at(stream, position, 12)) == 12:
        length = int.from_bytes(head[4:], "big")
        if head[:4] == b"data":
            return Place(position + 12, length)
        position += 12 + length
    return None


def _wave64(stream: BinaryIO) -> Place | None:
    return Place(0, int.from_bytes(stream.read(24)[16:], "little"))


def _dsf(stream: BinaryIO) -> Place | None:
    return Place(0, int.from_bytes(stream.read(20)[12:], "little"))


def _mp3(stream: BinaryIO) -> Place | None:
    """The frames, tags left out."""
    stated = stated_size(stream)
    return Place(*stated) if stated else None


def _flv(stream: BinaryIO) -> Place | None:
    """The whole file; programs that know its size write it as a 64-bit number."""
    head = stream.read(_FLV_METADATA)
    at = head.find(_FLV_SIZE) + len(_FLV_SIZE)
    if at < len(_FLV_SIZE) or at + 8 > len(head):
        return None
    (size,) = struct.unpack(">d", head[at : at + 8])
    return Place(0, int(size)) if 0 < size < 2**53 else None


def _read_at(stream: BinaryIO, position: int, size: int) -> bytes:
    """Bytes at a position, which may be beyond the end of the file."""
    if position > stream.seek(0, os.SEEK_END):
        return b""
    stream.seek(position)
    return stream.read(size)


# Formats without a stated length -> whether their last packet is whole.
_ENDINGS: dict[str, Callable[[BinaryIO], bool]] = {
    "ogg": is_ended,
    "ts": transport_is_whole,
    "mpeg": program_is_whole,
}

_PLACES: dict[str, Callable[[BinaryIO], Place | None]] = {
    "avi": _avi,
    **dict.fromkeys(("mp4", "m4a", "mov", "3gp"), _iso),
    **dict.fromkeys(("mkv", "webm"), _matroska),
    "asf": _asf,
    **dict.fromkeys(("aiff", "iff"), _form),
    "au": _au,
    "caf": _caf,
    "w64": _wave64,
    "dsf": _dsf,
    "mp3": _mp3,
    "flv": _flv,
}
