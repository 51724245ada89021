"""Errors as messages and exit codes, in one place for all commands."""

from __future__ import annotations

import difflib
import errno
import glob
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any

import typer

from perceiver_cli.cli.help import Group
from perceiver_cli.cli.usage import ClickError, in_plain_words, no_such_command
from perceiver_cli.errors import CheckpointError, InputError, UsageError

INPUT_FAILED, USAGE, BAD_WEIGHTS, DISK_FULL, INTERRUPTED, CLOSED_PIPE = 1, 2, 3, 4, 130, 141

# No room on the disk, beyond a quota, or beyond the largest file that may be written.
_NO_ROOM = frozenset(
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG") if hasattr(errno, name)
)


class Commands(Group):
    """The group of all commands; see exit_on_errors. A path in place of a command is classified."""

    def main(
        self, args: Any = None, prog_name: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        """Runs a call; what is wrong with it is told in one line."""
        alone = options.pop("standalone_mode", True)
        options["standalone_mode"] = False
        if not alone:
            return super().main(args, prog_name, *rest, **options)
        open_closed_streams()
        try:
            with exit_on_errors():  # of options that end the call, such as --version
                code = super().main(args, prog_name, *rest, **options)
        except typer.Exit as end:
            sys.exit(end.exit_code)
        except ClickError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()  # type: ignore[attr-defined]
            else:
                print_message(in_plain_words(error))
            sys.exit(USAGE)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names; classify, if it is a path that exists."""
        word = args[0]
        if self.get_command(ctx, word) is None and (word == "-" or not word.startswith("-")):
            if not _names_input(word):
                near = difflib.get_close_matches(word, self.commands)
                raise UsageError(no_such_command(word, near))
            args = ["classify", *args]
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        with exit_on_errors():
            return super().invoke(ctx)


def open_closed_streams() -> None:
    """Opens standard streams that the caller has closed, as some daemons do, on nothing.

    Otherwise the next file that is opened would take their place.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _names_input(word: str) -> bool:
    """Whether a word means something to classify: a path, a pattern, an address, standard input."""
    return word == "-" or os.path.lexists(word) or glob.has_magic(word) or "://" in word


@contextmanager
def exit_on_errors() -> Iterator[None]:
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
        print_message(f"{name}{error.strerror or error}")
        _discard_output()
        raise typer.Exit(DISK_FULL if error.errno in _NO_ROOM else INPUT_FAILED) from None


def print_message(message: str) -> None:
    """One line on stderr, in one write: processes that share it do not write into each other's."""
    from perceiver_cli.inputs.names import without_credentials
    from perceiver_cli.report.words import printable

    sys.stderr.write(f"perceiver: {printable(without_credentials(message))}\n")


def _discard_output() -> None:
    """What is still buffered goes nowhere, so that Python does not fail on it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
