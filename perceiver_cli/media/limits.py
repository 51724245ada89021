"""Limits of files; loaders refuse larger ones as "too_large".

Each is compared with the header of a file before anything of that size is allocated. An environment
variable changes it: PERCEIVER_MAX_PIXELS=400000000.

| what | limit | why |
|---|---|---|
| a picture's pixels | MAX_PIXELS | 10 bytes each at the peak, 2 GB in all |
| of JPEG 2000, animations | half of it or less | they take 20 bytes and more |
| of WebP, AVIF, some HEIC | 0.6 of it, 0.8 of it | they take up to 17 bytes |
| the pixels of a video's frame | a fifth of MAX_PIXELS | decoders keep several frames |
| those of H.264, in 10 bits, in 4:4:4 | less | more frames are kept, or larger ones |
| a NumPy array, its coordinates | MAX_ARRAY_BYTES | it is held once, with little beside it |
| a shape's file, its vertices, its faces | MAX_SHAPE_BYTES | all three may be held at once |
| an animation's frames | MAX_FRAMES | later ones are left out |
| content from a pipe | MAX_PIPE_BYTES | it is held in memory, beside what is decoded |
| a sound's samples a second, in all channels | MAX_RATE | a channel with more is damage |
| a decoding process, on Linux | MAX_WORKER_BYTES | address space, everything included |

An input within all limits takes less than 2 GiB, the program included
(`python -m tests.benchmarks.limits`). Inputs that take much memory are decoded one at a time
(large_inputs.py). Members of archives that are unpacked to be decoded take at most MAX_PIPE_BYTES
together (held_content.py).

Duration has no limit, because only the windows that a model reads are decoded.
"""

from __future__ import annotations

import os

from perceiver_cli.errors import UsageError

# Of limits whose names do not end in their units.
_UNITS = {"MAX_RATE": "samples a second"}


def limit_text(name: str, limit: int | None = None) -> str:
    """A limit in words, with the variable that changes it.

    Args:
        name: Its name in this module.
        limit: Its value, if only a share of it applies.
    """
    unit = _UNITS.get(name) or name.rpartition("_")[2].lower()
    number = globals()[name] if limit is None else limit
    return f"at most {number:,} {unit} are read (PERCEIVER_{name} changes that)"


def rate_text(rate: int, channels: int) -> str:
    """How many samples a second a sound that is too large has, and the limit."""
    return f"{rate:,} x {channels} samples a second: {limit_text('MAX_RATE')}"


def _limit(name: str, usual: int) -> int:
    text = os.environ.get(f"PERCEIVER_{name}")
    if text is None:
        return usual
    if not text.isdecimal() or not int(text):
        raise UsageError(f"PERCEIVER_{name} must be a positive integer (got {text})")
    return int(text)


# The photos of phones have up to 200 million.
MAX_PIXELS = _limit("MAX_PIXELS", 200_000_000)

MAX_ARRAY_BYTES = _limit("MAX_ARRAY_BYTES", 2**30)

MAX_SHAPE_BYTES = _limit("MAX_SHAPE_BYTES", 2**29)

MAX_FRAMES = _limit("MAX_FRAMES", 10_000)

MAX_PIPE_BYTES = _limit("MAX_PIPE_BYTES", 2**29)

# Samples per second. One channel that states more than possible ones is damaged.
MAX_POSSIBLE_RATE = 6_000_000
MAX_RATE = _limit("MAX_RATE", MAX_POSSIBLE_RATE)

# Room for the largest picture in several copies (transparency, 16 bits) beside the libraries.
MAX_WORKER_BYTES = _limit("MAX_WORKER_BYTES", 6 * 2**30)
