"""Formats without a header: bare MPEG audio, AAC and AC-3 frames, transport streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from perceiver_cli.media.id3 import skip_id3

_BEHIND = 2**16

# kbit/s by bit rate index, for (MPEG 1?, layer). Layer I is separate: it is nearly extinct, and
# its first two bytes are the byte-order mark of UTF-16 text, so that four frames are required.
_RATES = {
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_LAYER_1_RATES = (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256)
_SAMPLE_RATES = (44100, 48000, 32000)
_VERSION_DIVISORS = {3: 1, 2: 2, 0: 4}

# kbit/s by half the frame size code of AC-3 (ATSC A/52, table 5.18).
_AC3_RATES = (
    *(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
)

# Number of consecutive frames that is not a coincidence, wherever they begin.
_ENOUGH = 4

# Maximum bytes of zeros before a sound, left by failed recordings and downloads, that are skipped.
_MAX_PADDING = 2**24


def frames_format(head: bytes) -> str | None:
    """The format of bare frames.

    Args:
        head: The beginning of a file.

    Returns:
        "mp3", "aac", "ac3" or "eac3" if the head is a frame with another one right behind it,
        else None.
    """
    for name, length_of in _LENGTHS.items():
        length = length_of(head)
        if length and (length >= len(head) or length_of(head[length:])):
            return name
    return None


def buried_frames_format(stream: BinaryIO, head: bytes) -> str | None:
    """The format of frames that begin behind padding, junk, or tags of another kind than ID3v2.

    Args:
        stream: The file, at any position.
        head: Its beginning.

    Returns:
        As frames_format, if there are four frames of a kind in a row.
    """
    if not head.strip(b"\0"):
        head = _behind_zeros(stream)
    if head.startswith(b"APETAGEX"):
        stream.seek(int.from_bytes(head[12:16], "little") + 32)
        head = stream.read(_BEHIND)
    for first in (0xFF, 0x0B):
        at = head.find(first)
        while at >= 0:
            for name, length_of in (*_LENGTHS.items(), ("mp3", _layer_1_length)):
                if _run_of_frames(head, at, length_of):
                    return name
            at = head.find(first, at + 1)
    return None


def after_id3(stream: BinaryIO) -> bytes:
    """The content after ID3 tags and padding at the stream's position; empty if there is none."""
    skip_id3(stream)
    return stream.read(_BEHIND).lstrip(b"\0")


def is_transport_stream(head: bytes) -> bool:
    """True for 188-byte packets, or the 192-byte ones of cameras and discs."""
    for first, stride in ((0, 188), (4, 192)):
        syncs = head[first : first + 5 * stride : stride]
        if len(syncs) >= 2 and set(syncs) == {0x47}:
            return True
    return False


def _run_of_frames(head: bytes, at: int, length_of: Callable[[bytes], int]) -> bool:
    for _ in range(_ENOUGH):
        length = length_of(head[at : at + 7])
        if not length:
            return False
        at += length
    return True


def _behind_zeros(stream: BinaryIO) -> bytes:
    stream.seek(0)
    for _ in range(0, _MAX_PADDING, _BEHIND):
        block = stream.read(_BEHIND)
        if block.strip(b"\0"):
            return block.lstrip(b"\0") + stream.read(_BEHIND)
        if not block:
            break
    return b""


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


def _layer_1_length(head: bytes) -> int:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE6:
        return 0
    version, rate_index, sample_index = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate_index in (0, 15) or sample_index == 3:
        return 0
    rate = 32 * rate_index if version == 3 else _LAYER_1_RATES[rate_index - 1]
    sample_rate = _SAMPLE_RATES[sample_index] // _VERSION_DIVISORS[version]
    return 4 * (12_000 * rate // sample_rate + (head[2] >> 1 & 1))


def _ac3_length(head: bytes) -> int:
    if len(head) < 6 or head[:2] != b"\x0b\x77" or head[5] >> 3 > 10:
        return 0
    rate_index, size_code = head[4] >> 6, head[4] & 0x3F
    if rate_index == 3 or size_code >= 2 * len(_AC3_RATES):
        return 0
    rate = _AC3_RATES[size_code >> 1]
    if rate_index == 0:  # 48 kHz
        return 4 * rate
    if rate_index == 2:  # 32 kHz
        return 6 * rate
    return 2 * (rate * 96_000 // 44_100 + (size_code & 1))


def _eac3_length(head: bytes) -> int:
    if len(head) < 6 or head[:2] != b"\x0b\x77" or not 11 <= head[5] >> 3 <= 16:
        return 0
    return 2 * (((head[2] & 7) << 8 | head[3]) + 1)


_LENGTHS = {"aac": _adts_length, "mp3": _mpeg_length, "ac3": _ac3_length, "eac3": _eac3_length}
