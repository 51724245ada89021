"""Wrong calls in plain words: what Typer, Click and pydantic say of them, as one line."""

from __future__ import annotations

import os
import re
from typing import Any

import typer

from perceiver_cli.choices import Format
from perceiver_cli.cli.options import PLAIN

# The exception that all of wrong usage derives from. Typer names no module for it that stays.
ClickError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

# What the libraries say of a value, and what is said in its place.
_VALUES = (
    (
        r"Input should be a valid integer.*|.* is not a valid (int|integer)\b.*",
        "is no whole number",
    ),
    (r"Input should be a valid number.*|.* is not a valid float\b.*", "is no number"),
    (r"Input should be greater than or equal to (\S+)", r"is too small: at least \1 is wanted"),
    (r"Input should be less than or equal to (\S+)", r"is too large: at most \1 is wanted"),
    (r"\S+ is not in the range x>=(\S+?)\.?", r"is too small: at least \1 is wanted"),
    (r"\S+ is not in the range (\S+?)<=x<=(\S+?)\.?", r"is not from \1 to \2"),
    (r"(?:Value error, )?(.+?) is not one of (.+?)\.?", r"\1 is not one of \2"),
    (r"Option (\S+) requires an argument\.?", r"\1 needs a value"),
    (r"Option (\S+) does not take a value\.?", r"\1 takes no value"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", r"one word too many: \1"),
    (r"No such command (\S+?)\.?", r"no command \1"),
    (r"No such option:? (\S+?)\.?(?: \(.*| Did you mean.*)?", r"no option \1"),
)


def in_plain_words(error: Any) -> str:
    """One line for what a call got wrong, with what helps.

    Args:
        error: A ClickError.
    """
    kind = type(error).__name__
    command = error.ctx.command_path if getattr(error, "ctx", None) else "perceiver"
    help_page = f"{command} -h shows what it takes"
    message = _plain(error.message if kind != "MissingParameter" else "")
    if kind == "NoSuchOption" and (format := _format_meant(error)):
        return f"{message}; did you mean --format {format}?"
    if kind == "MissingParameter" and error.param is not None:
        return f"{_name(error)} is missing; {help_page}"
    if possible := getattr(error, "possibilities", None):
        return f"{message}; did you mean {' or '.join(possible)}?"
    if getattr(error, "param", None) is not None:
        value = _value(error)
        if value.strip().lower() == "nan":  # the libraries compare it with the ends of a range
            message = "is no number"
        return f"{_name(error)} {value}{message}"
    return f"{message}; {help_page}"


def no_such_command(word: str, near: list[str]) -> str:
    """One line for a first word that is neither a command nor a path that exists."""
    if near:
        return f"no command {word}; did you mean {near[0]}?"
    looks_like_path = os.sep in word or "." in word
    nothing = "no such file, and no command" if looks_like_path else "no command, and no such file"
    return f"{word}: {nothing}; perceiver -h lists the commands"


def _format_meant(error: Any) -> str | None:
    """The format that an unknown option names, such as --csv, if the command writes it."""
    format = error.option_name.lstrip("-")
    options = {name for option in error.ctx.command.params for name in option.opts}
    # Only the command that writes all formats has a short form of some.
    written = list(Format) if "--jsonl" in options else PLAIN
    return format if "--format" in options and format in written else None


def _name(error: Any) -> str:
    """How a call writes the option; an argument's own word."""
    options = [name for name in error.param.opts if name.startswith("-")]
    return options[0] if options else str(error.param.metavar or error.param.name)


def _value(error: Any) -> str:
    """What was given, where the message does not repeat it."""
    problems = getattr(error.__cause__ or error.__context__, "errors", None)
    problem = problems()[0] if problems else {}
    value = str(problem.get("input", ""))
    return f"{value} " if value and repr(value) not in error.message else ""


def _plain(message: str) -> str:
    text = " ".join(message.split())
    for pattern, words in _VALUES:
        if match := re.fullmatch(pattern, text):
            return match.expand(words).replace("'", "")
    return text.rstrip(".")
