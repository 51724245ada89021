"""Ways of damaging the bytes of any file."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

Mutation = Callable[[bytes, random.Random], bytes]

# Where most formats keep their sizes and counts.
_HEADER = 400
_HUGE = (
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x7f\xff\xff\xff",
    struct.pack("<I", 2**30),
    struct.pack(">I", 2**30),
)


def cut(content: bytes, rng: random.Random) -> bytes:
    """Ends early: within the first bytes, at a power of two, just before the end, anywhere."""
    length = len(content)
    places = [rng.randrange(1, 64), 2 ** rng.randrange(3, 16), length - rng.randrange(1, 20)]
    return content[: max(1, min(length - 1, rng.choice([*places, rng.randrange(length)])))]


def flip(content: bytes, rng: random.Random) -> bytes:
    """Some bits turned over, in the header or anywhere."""
    changed = bytearray(content)
    reach = min(len(content), rng.choice([_HEADER, len(content)]))
    for _ in range(rng.choice([1, 4, 40])):
        changed[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def zero_field(content: bytes, rng: random.Random) -> bytes:
    """A field of the header set to zero."""
    return _put(content, bytes(rng.choice([2, 4, 8])), rng)


def huge_field(content: bytes, rng: random.Random) -> bytes:
    """A field of the header that states something enormous."""
    return _put(content, rng.choice(_HUGE), rng)


def huge_number(content: bytes, rng: random.Random) -> bytes:
    """A number written in text, if there is one, that is not what a number should be."""
    digits = [i for i, byte in enumerate(content[: 4 * _HEADER]) if 48 <= byte < 58]
    if not digits:
        return huge_field(content, rng)
    place = rng.choice(digits)
    words = [b"nan", b"inf", b"-inf", b"1e308", b"-1", b"99999999999", b"0", b"4294967295"]
    return content[:place] + rng.choice(words) + content[place + 1 :]


def drop(content: bytes, rng: random.Random) -> bytes:
    """A stretch is missing."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice([1, 16, 512]) :]


def insert(content: bytes, rng: random.Random) -> bytes:
    """Bytes that do not belong there: zeros, or noise."""
    start = rng.randrange(len(content))
    length = rng.choice([1, 16, 512])
    return content[:start] + rng.choice([bytes(length), rng.randbytes(length)]) + content[start:]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """A stretch is there many times."""
    start = rng.randrange(len(content))
    part = content[start : start + rng.choice([4, 32, 256])]
    return content[:start] + part * rng.choice([3, 50]) + content[start:]


def zeros(content: bytes, rng: random.Random) -> bytes:
    """The second part of the file is zeros, as after a download that broke off."""
    length = rng.randrange(1, len(content))
    return content[:length] + bytes(len(content) - length)


MUTATIONS: tuple[Mutation, ...] = (
    cut,
    flip,
    zero_field,
    huge_field,
    huge_number,
    drop,
    insert,
    repeat,
    zeros,
)


def _put(content: bytes, value: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(min(_HEADER, len(content)))
    return content[:place] + value + content[place + len(value) :]
