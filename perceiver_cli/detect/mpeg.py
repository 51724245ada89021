"""Formats without a header: bare MPEG audio frames, AAC frames, transport streams."""

from __future__ import annotations

from typing import BinaryIO

_BEHIND = 4096

# kbit/s by bit rate index, for (MPEG 1?, layer). Layer I is left out: it is extinct, and its
# first two bytes are the byte-order mark of UTF-16 text.
_RATES = {
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = (44100, 48000, 32000)
_VERSION_DIVISORS = {3: 1, 2: 2, 0: 4}


def frames_format(head: bytes) -> str | None:
    """ "mp3" or "aac" if the head is a frame with another one right behind it, else None."""
    for name, length_of in (("aac", _adts_length), ("mp3", _mpeg_length)):
        length = length_of(head)
        if length and (length >= len(head) or length_of(head[length:])):
            return name
    return None


def skip_id3(stream: BinaryIO) -> bytes:
    """What lies behind the ID3 tags (and their padding) at the stream's position; "" if nothing."""
    while True:
        head = stream.read(10)
        if len(head) < 10 or not head.startswith(b"ID3"):
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        footer = 10 if head[5] & 0x10 else 0
        stream.seek(size + footer, 1)
    return (head + stream.read(_BEHIND)).lstrip(b"\0")


def is_transport_stream(head: bytes) -> bool:
    """True for 188-byte packets, or the 192-byte ones of cameras and discs."""
    for first, stride in ((0, 188), (4, 192)):
        syncs = head[first : first + 5 * stride : stride]
        if len(syncs) >= 2 and set(syncs) == {0x47}:
            return True
    return False


def _adts_length(head: bytes) -> int:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else 0


def _mpeg_length(head: bytes) -> int:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate_index, sample_index = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer not in (2, 3) or rate_index in (0, 15) or sample_index == 3:
        return 0
    rate = _RATES[version == 3, layer][rate_index - 1] * 1000
    sample_rate = _SAMPLE_RATES[sample_index] // _VERSION_DIVISORS[version]
    padding = head[2] >> 1 & 1
    samples = 72 if layer == 3 and version != 3 else 144
    return samples * rate // sample_rate + padding
