"""Output of results: standard output, or a file that is written atomically."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from perceiver_cli.atomic import atomic_write
from perceiver_cli.cli.interrupts import removed_on_termination
from perceiver_cli.errors import UsageError
from perceiver_cli.inputs.names import OPEN_FILES

# Why a folder takes no file; other reasons are in the system's words.
_REASONS = {
    errno.ENOENT: "no such folder",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the file system is read-only",
}


def check_replaces_no_input(output: Path | None, inputs: Iterable[str]) -> None:
    """Raises UsageError if the results would overwrite an input named by the call."""
    if output is None or not output.exists():
        return
    for path in inputs:
        if os.path.exists(path) and os.path.samefile(output, path):
            raise UsageError(f"{output} is an input, which the output would overwrite")


def check_different(one: Path | None, its_option: str, other: Path | None, option: str) -> None:
    """Raises UsageError if two options name the same file."""
    if one and other and one.resolve() == other.resolve():
        raise UsageError(f"{its_option} and {option} name the same file: {one}")


def is_stdout(path: Path) -> bool:
    """Whether an output is standard output: "-" or /dev/stdout."""
    return str(path) in ("-", "/dev/stdout")


def is_file(path: Path) -> bool:
    """Whether an output is or will be a file, not a stream, pipe, device or folder."""
    if is_stdout(path) or _descriptor(path) is not None:
        return False
    return path.is_file() or not path.exists()


def _descriptor(path: Path) -> int | None:
    """The number of an open file from its name: 2 for /dev/stderr, 3 for /dev/fd/3."""
    if str(path) == "/dev/stderr":
        return 2
    folder, slash, name = str(path).rpartition("/")
    return int(name) if folder + slash in OPEN_FILES and name.isdecimal() else None


def check_writable(path: Path) -> None:
    """Raises UsageError early if the folder of a file is missing or not writable."""
    check_takes_files(path.resolve().parent, path)


def check_takes_files(folder: Path, named: Path) -> None:
    """Checks that a folder is writable, by creating a temporary file in it.

    Args:
        folder: The folder.
        named: The output named by the call, for the message.

    Raises:
        UsageError: The folder is missing or not writable.
        OSError: The disk is full.
    """
    from tempfile import TemporaryFile

    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(error.errno, error.strerror, str(named)) from None
        reason = _REASONS.get(error.errno or 0, str(error.strerror))
        raise UsageError(f"cannot write {named}: {reason}") from None


def check_folder(output: Path | None, option: str) -> Path:
    """The output folder of -o, for results that need a folder.

    Args:
        output: -o.
        option: The option that needs it, such as "--ray".

    Raises:
        UsageError: -o is missing, or names a file.
    """
    if output is None or str(output) == "-" or output.is_file():
        raise UsageError(f"{option} requires an output folder: -o DIR")
    return output


@contextmanager
def errors_naming(path: Path) -> Iterator[None]:
    """Names an output in OSErrors of the block, which name a temporary file or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def open_output(path: Path | None, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Opens a stream for results; None, "-" and /dev/stdout are standard output.

    A file is created when the block ends; if the block fails, an old file stays. A link stays a
    link. Devices, pipes and open files of the process are written to directly.

    Raises:
        UsageError: The file cannot be written, or standard output is closed.
    """
    if path is None or is_stdout(path):
        if sys.__stdout__ is None:
            raise UsageError("standard output is closed; give an output file with -o")
        yield sys.stdout.buffer if binary else sys.stdout
        return
    try:
        if not is_file(path):
            with _open(path, path, binary) as stream:
                yield stream
            return
        check_writable(path)
        with (
            atomic_write(path.resolve()) as part,
            removed_on_termination(part),
            _open(path, part, binary) as stream,
        ):
            yield stream
    except OSError as error:
        if error.errno == errno.ENOSPC:
            error.filename = str(path)
        raise


def _open(named: Path, path: Path, binary: bool) -> IO[Any]:
    """Opens `path`; error messages have the path that the call gives."""
    descriptor = _descriptor(path)
    try:
        # Opening an open file by its name would truncate it.
        file = path if descriptor is None else os.dup(descriptor)
        if binary:
            return open(file, "wb")
        return open(file, "w", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {named}: {error.strerror}") from None
