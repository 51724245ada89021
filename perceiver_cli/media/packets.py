"""Packets of a container that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perceiver_cli.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer


def packets_of(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The packets of a stream that can be read; the last one is empty.

    It ends where a damaged field claims more than fits into memory.
    """
    packets = container.demux(stream)
    while True:
        packet = None
        try:
            with ignore_damage(lack_of_memory=False):
                packet = next(packets, None)
        except IndexError:
            # A packet of a stream that appeared midway, which PyAV does not know: skipped.
            packets = container.demux(stream)
            continue
        if packet is None:
            return
        yield packet


@contextmanager
def ignore_damage(lack_of_memory: bool = True) -> Iterator[None]:
    """Ignores damage; lack_of_memory: whether FFmpeg's is reported."""
    import av

    try:
        yield
    except MemoryError as error:
        if not lack_of_memory and isinstance(error, av.FFmpegError):
            return
        raise InputError("too_large", "needs more memory than this machine has") from error
    except (av.FFmpegError, OSError, ValueError, RuntimeError):
        # In truncated and damaged files, all other packets that can be decoded are used.
        return
