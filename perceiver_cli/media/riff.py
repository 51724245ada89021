"""How much sound a WAV file's header promises: libsndfile reads shorter files without a word."""

from __future__ import annotations

import os

from perceiver_cli.media.types import Source

# Sizes that programs write which do not know the length: none, or the largest.
_UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF)
# A few bytes are missing from many files that play well.
_SLACK = 0.99


def cut_off_note(source: Source) -> tuple[str, ...]:
    """A note if the file ends before the sound does that its header promises."""
    with source.open() as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        position = 12 if stream.read(4) == b"RIFF" else end
        while position + 8 <= end:
            stream.seek(position)
            head = stream.read(8)
            size = int.from_bytes(head[4:8], "little")
            if head[:4] == b"data":
                held = end - position - 8
                if size in _UNKNOWN or size - size % 2**16 == 0xFFFF0000 or held >= _SLACK * size:
                    return ()
                return (f"the sound is cut off: {held / size:.0%} of it is there",)
            position += 8 + size + size % 2
    return ()
