"""Python objects over a pipe, arrays without a copy."""

from __future__ import annotations

import pickle
import struct
from typing import IO, Any

_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")


def send(stream: IO[bytes], value: Any) -> None:
    """Writes a value. Raises OSError if the other end is closed."""
    buffers: list[pickle.PickleBuffer] = []
    # Protocol 5 sends the memory of arrays beside the pickle, so that it is never copied.
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    parts: list[bytes | memoryview] = [body, *(buffer.raw() for buffer in buffers)]
    stream.write(_COUNT.pack(len(parts)))
    for part in parts:
        stream.write(_SIZE.pack(len(part)))
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Reads a value. Raises EOFError if the other end is closed."""
    (count,) = _COUNT.unpack(_read(stream, _COUNT.size))
    body, *buffers = (_read(stream, *_SIZE.unpack(_read(stream, _SIZE.size))) for _ in range(count))
    return pickle.loads(body, buffers=buffers)


def _read(stream: IO[bytes], size: int) -> bytearray:
    content = bytearray(size)
    room = memoryview(content)
    while room:
        count = stream.readinto(room)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        room = room[count:]
    return content
