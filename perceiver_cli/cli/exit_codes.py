"""The exit codes of all commands, and the errors that lead to them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

import typer

from perceiver_cli.cli.messages import print_message
from perceiver_cli.errors import CheckpointError, InputError, UsageError, shortage_in_words

INPUT_FAILED, USAGE, BAD_WEIGHTS, DISK_FULL, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 4, 130, 141
TERMINATED = 143

# The disk is full, a quota is exceeded, or the file would be too large.
_NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)


@contextmanager
def exit_on_errors() -> Iterator[None]:
    """Turns errors into one line on stderr and an exit code.

    1: an input failed; 2: wrong usage; 3: weights missing or corrupt; 4: results could not be
    written because the disk is full; 130: interrupted; 141, as for any filter: the
    reader of the output has closed the pipe.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            # File names may contain characters outside the terminal's encoding.
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        raise typer.Exit(CLOSED_PIPE) from None
    except KeyboardInterrupt:
        print_message("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except UsageError as error:
        print_message(str(error))
        raise typer.Exit(USAGE) from None
    except CheckpointError as error:
        print_message(str(error))
        raise typer.Exit(BAD_WEIGHTS) from None
    except InputError as error:
        print_message(error.message)
        raise typer.Exit(INPUT_FAILED) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print_message(f"{name}{shortage_in_words(error) or error.strerror or error}")
        _discard_output()
        raise typer.Exit(DISK_FULL if error.errno in _NO_ROOM else INPUT_FAILED) from None
    except RuntimeError as error:
        shortage = shortage_in_words(error)
        if shortage is None:
            raise
        print_message(shortage)
        raise typer.Exit(INPUT_FAILED) from None


def _discard_output() -> None:
    """Discards buffered output, so that Python does not fail on it at exit."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except OSError:  # too many open files
        return
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
