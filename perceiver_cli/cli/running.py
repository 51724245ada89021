"""How every command ends: the one place where errors become messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import typer

from perceiver_cli.cli.help import Group
from perceiver_cli.errors import CheckpointError, InputError, UsageError

FAILED, USAGE, WEIGHTS, FULL, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 4, 130, 141

# No room on the disk, beyond a quota, or beyond the largest file that may be written.
_NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)


class Commands(Group):
    """The group of all commands, ending as `endings` says."""

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        with endings():
            return super().invoke(ctx)


@contextmanager
def endings() -> Iterator[None]:
    """Turns the errors a user can meet into one line on stderr and an exit code.

    1: an input failed; 2: wrong usage; 3: weights missing or corrupt; 4: results could not be
    written because the disk is full; 130: interrupted; 141, as from any filter: whoever read our
    output has closed the pipe.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            # Names of files need not fit the terminal's encoding.
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        raise typer.Exit(CLOSED_PIPE) from None
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except UsageError as error:
        say(str(error))
        raise typer.Exit(USAGE) from None
    except CheckpointError as error:
        say(str(error))
        raise typer.Exit(WEIGHTS) from None
    except InputError as error:
        say(error.message)
        raise typer.Exit(FAILED) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        say(f"{name}{error.strerror or error}")
        _drop_output()
        raise typer.Exit(FULL if error.errno in _NO_ROOM else FAILED) from None


def say(message: str) -> None:
    """One line on stderr, in one write: processes that share it do not write into each other's."""
    from perceiver_cli.report.words import printable

    sys.stderr.write(f"perceiver: {printable(message)}\n")


def _drop_output() -> None:
    """What is still buffered goes nowhere, so that Python does not fail on it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
