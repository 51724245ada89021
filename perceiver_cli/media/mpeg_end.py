"""Whether MPEG transport and program streams end with a whole packet.

Neither states its length, and a recording may end after any packet, but only a file that is cut off
ends within one.
"""

from __future__ import annotations

from typing import BinaryIO

from perceiver_cli.media.parts import last_bytes

_TAIL = 2**17

# Transport streams: the byte that begins each packet, how many bytes are in front of it (a time, in
# those of cameras and discs) and the packets' length.
_SYNC = 0x47
_LAYOUTS = ((0, 188), (4, 192))
_PACKETS = 32

# Program streams: codes of pack headers and of the end. Codes above them are of packets, whose
# length follows.
_START, _PACK_CODE, _END_CODE = b"\0\0\1", 0xBA, 0xB9
_MPEG_1_PACK, _MPEG_2_PACK = 12, 14


def transport_is_whole(stream: BinaryIO) -> bool:
    """Whether the last packet of a transport stream is whole, or cannot be found.

    Args:
        stream: The file.
    """
    tail = last_bytes(stream, _PACKETS * max(length for _, length in _LAYOUTS))
    rests = [
        (len(tail) - first + front) % length
        for front, length in _LAYOUTS
        for first in range(length)
        if set(tail[first::length]) == {_SYNC}
    ]
    return 0 in rests or not rests


def program_is_whole(stream: BinaryIO) -> bool:
    """Whether the last packet of a program stream is whole, or cannot be found.

    Args:
        stream: The file.
    """
    tail = last_bytes(stream, _TAIL)
    position = tail.rfind(_START + bytes([_PACK_CODE]))
    while 0 <= position < len(tail):
        head = tail[position : position + _MPEG_2_PACK]
        if not head.startswith(_START) or len(head) <= len(_START):
            return True  # something else follows the last packet
        length = _packet_length(head)
        if length is None:
            return True
        position += length
    return position <= len(tail)


def _packet_length(head: bytes) -> int | None:
    """The length of a packet or pack header; None if it does not say.

    Args:
        head: Its first 14 bytes. If they are cut off, the length is longer than they are.
    """
    code = head[3]
    if code == _END_CODE:
        return 4
    if code == _PACK_CODE:
        if len(head) > 4 and head[4] >> 6 != 1:
            return _MPEG_1_PACK
        return _MPEG_2_PACK + (head[13] & 7 if len(head) == _MPEG_2_PACK else 0)
    if code < _END_CODE:
        return None
    size = int.from_bytes(head[4:6], "big")
    return 6 + size if size or len(head) < 6 else None
