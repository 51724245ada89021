"""Packets of a container that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from perceiver_cli.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer


# Number of failures at the end of a stream that are not damage: recordings stop anywhere.
_AT_END = 2


class Damage:
    """Whether packets between others, or many at the end, cannot be decoded.

    Those at the beginning do not count: after a seek, they may need earlier ones.
    found: whether there was any damage.
    """

    def __init__(self) -> None:
        self.found = False
        self._begun = False
        self._failed = 0

    def begin(self) -> None:
        """Notes that decoding begins at another position."""
        self._begun, self._failed = False, 0

    def decoded(self) -> None:
        """Notes that a frame was decoded."""
        self._begun = True
        self.found |= self._failed > 0

    def failed(self) -> None:
        """Notes that a packet or a frame could not be decoded completely."""
        if self._begun:
            self._failed += 1
            self.found |= self._failed > _AT_END


def packets_of(
    container: InputContainer, stream: Any, damage: Damage | None = None
) -> Iterator[Any]:
    """Yields the readable packets of a stream; the last one is empty.

    It ends at a damaged field that claims more than fits into memory.
    """
    packets = container.demux(stream)
    while True:
        packet = None
        try:
            with ignore_damage(damage, lack_of_memory=False):
                packet = next(packets, None)
        except IndexError:
            # A packet of a stream that appeared midway, which PyAV does not know, is skipped.
            packets = container.demux(stream)
            continue
        if packet is None:
            return
        yield packet


@contextmanager
def ignore_damage(damage: Damage | None = None, lack_of_memory: bool = True) -> Iterator[None]:
    """Ignores and counts damage inside the block.

    Args:
        damage: Counts it.
        lack_of_memory: Whether FFmpeg's is reported.
    """
    import av

    try:
        yield
    except MemoryError as error:
        if not lack_of_memory and isinstance(error, av.FFmpegError):
            return
        raise InputError("too_large", "needs more memory than this machine has") from error
    except (av.FFmpegError, OSError, ValueError, RuntimeError):
        # In truncated and damaged files, all other packets that can be decoded are used.
        if damage:
            damage.failed()
