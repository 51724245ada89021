"""The group of all commands, and the checks before any of them runs."""

from __future__ import annotations

import difflib
import glob
import os
import sys
from typing import Any

import typer

from perceiver_cli.cli.exit_codes import USAGE, exit_on_errors
from perceiver_cli.cli.help import Group
from perceiver_cli.cli.messages import print_message
from perceiver_cli.cli.usage import ClickError, in_plain_words, no_such_command
from perceiver_cli.errors import UsageError

_OF_THE_SHELL = ("--install-completion", "--show-completion")


class Commands(Group):
    """The group of all commands; see exit_on_errors. A path in place of a command is classified."""

    def main(
        self, args: Any = None, prog_name: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        """Runs a call; a usage error is printed in one line on stderr."""
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
                print_message(in_plain_words(error, sys.argv[1:] if args is None else args))
            sys.exit(USAGE)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command named by the first word; classify if the word is a path that exists."""
        word = args[0]
        # A word that begins with a dash gets here only after "--".
        if self.get_command(ctx, word) is None:
            if not _names_input(word):
                near = difflib.get_close_matches(word, self.commands)
                raise UsageError(no_such_command(word, near))
            args = ["classify", *(["--"] if word.startswith("-") and word != "-" else []), *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the words before the command.

        Raises:
            UsageError: A shell is named to --install-completion, which would not heed it.
        """
        if args[0:1] and args[0] in _OF_THE_SHELL and len(args) > 1:
            raise UsageError(f"{args[0]} takes no value: it is for the shell that runs it")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs a command."""
        with exit_on_errors():
            _check_working_directory()
            return super().invoke(ctx)


def open_closed_streams() -> None:
    """Opens standard streams that the caller has closed, as some daemons do, on the null device.

    Otherwise the next opened file would take their place.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _check_working_directory() -> None:
    """Raises UsageError if the folder was deleted, because torch's libraries would then abort."""
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the working directory no longer exists: change to another") from None


def _names_input(word: str) -> bool:
    """Whether a word names an input: a path, a pattern, a URL or standard input."""
    return word == "-" or os.path.lexists(word) or glob.has_magic(word) or "://" in word
