"""Converts errors of damaged archives to InputErrors, and limits their unpacked size."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase

from perceiver_cli.errors import InputError

# Limit of an archive's unpacked size: a multiple of its size, plus a constant.
_RATIO, MORE_BYTES = 200, 2**28

DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, ValueError, NotImplementedError, RuntimeError),
)


@contextmanager
def archive_errors() -> Iterator[None]:
    """Turns exceptions of archive readers into an InputError."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        raise as_input_error(error) from None


def as_input_error(error: Exception) -> InputError:
    """The InputError for one of DAMAGE."""
    detail = f"{type(error).__name__}: {error}"
    if isinstance(error, RuntimeError) and "encrypted" in str(error):
        return InputError("unsupported", "is encrypted in its archive", detail)
    if isinstance(error, NotImplementedError):
        return InputError("unsupported", "uses an unsupported compression", detail)
    return InputError("corrupt", "the archive is cut off or damaged", detail)


class UnpackedBudget:
    """The remaining limit of an archive's unpacked size.

    Args:
        size: The size of the archive in bytes.
    """

    def __init__(self, size: int) -> None:
        self.left = _RATIO * size + MORE_BYTES

    def take(self, count: int) -> None:
        """Raises InputError("too_large") when it is exceeded."""
        self.left -= count
        if self.left < 0:
            raise InputError(
                "too_large", f"unpacks to more than {_RATIO} times its size; the rest is not read"
            )


class CountedStream:
    """A decompressed stream that counts its bytes, and gives all of them before an error.

    Damage, such as bytes behind the end, is an error only for those who read on.
    """

    def __init__(self, stream: BufferedIOBase, budget: UnpackedBudget) -> None:
        self._stream, self._budget = stream, budget
        self._error: Exception | None = None

    def read(self, count: int) -> bytes:
        """`count` bytes, fewer in front of damage or at the end.

        Raises:
            InputError: "too_large" when the budget is exceeded.
        """
        if self._error:
            raise self._error
        content = bytearray()
        while len(content) < count:
            try:
                piece = self._stream.read1(count - len(content))
            except DAMAGE as error:
                if not content:
                    raise
                self._error = error
                break
            if not piece:
                break
            self._budget.take(len(piece))
            content += piece
        return bytes(content)
