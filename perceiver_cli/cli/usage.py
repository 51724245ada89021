"""Mistakes in a call, as Typer, Click and pydantic report them, in one line each."""

from __future__ import annotations

import os
import re
from typing import Any

import typer

from perceiver_cli.choices import Format
from perceiver_cli.cli.options import PLAIN

# The base class of all usage errors. Typer moves it between modules from version to version.
ClickError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

# pydantic's name for a failed check -> what the value must be, from the check's own data.
_REQUIREMENTS = {
    "int_parsing": "an integer",
    "int_parsing_size": "an integer of fewer digits",
    "int_from_float": "an integer",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than_equal": "at least {ge:.10g}",
    "less_than_equal": "at most {le:.10g}",
}


def in_plain_words(error: Any, call: list[str]) -> str:
    """One line for a mistake in a call, with advice.

    Args:
        error: A ClickError.
        call: The words of the call.
    """
    kind = type(error).__name__
    command = error.ctx.command_path if getattr(error, "ctx", None) else "perceiver"
    advice = f"see {command} --help"
    if kind == "MissingParameter" and error.param is not None:
        return f"{_name(error)} is missing; {advice}"
    if getattr(error, "param", None) is not None:
        return _value_problem(error)
    if kind == "NoSuchOption":
        if format := _format_meant(error):
            advice = f"did you mean --format {format}?"
        elif error.possibilities:
            advice = f"did you mean {' or '.join(error.possibilities)}?"
        elif file := _file_meant(error, call):
            advice = f"did you mean the file {os.path.join(os.curdir, file)}?"
        return f"no such option: {error.option_name}; {advice}"
    return f"{_library_message(error)}; {advice}"


def no_such_command(word: str, near: list[str]) -> str:
    """One line for a first word that is neither a command nor a path that exists."""
    if near:
        return f"no such command: {word}; did you mean {near[0]}?"
    looks_like_path = os.sep in word or "." in word
    nothing = "file or command" if looks_like_path else "command or file"
    return f"{word}: no such {nothing}; perceiver --help lists the commands"


def _format_meant(error: Any) -> str | None:
    """The format that an unknown option names, such as --csv, if the command writes it."""
    format = error.option_name.lstrip("-")
    options = {name for option in error.ctx.command.params for name in option.opts}
    # Only the command that writes all formats has a short form of some.
    written = list(Format) if "--jsonl" in options else PLAIN
    return format if "--format" in options and format in written else None


def _file_meant(error: Any, call: list[str]) -> str | None:
    """The file whose name was taken for options, as it begins with a dash."""
    option = error.option_name
    return next((w for w in call if w.startswith(option) and os.path.lexists(w)), None)


def _name(error: Any) -> str:
    """The name of the option or argument in a call."""
    options = [name for name in error.param.opts if name.startswith("-")]
    return options[0] if options else str(error.param.metavar or error.param.name)


def _value_problem(error: Any) -> str:
    """What is wrong with the value of an option or argument.

    Older versions of Typer do not use pydantic: their message, which repeats the value, is kept.
    """
    problems = getattr(error.__cause__, "errors", None)
    problem = problems()[0] if problems else {}
    value, context = str(problem.get("input", "")), problem.get("ctx", {})
    requirement = _REQUIREMENTS.get(problem.get("type", ""), "")
    if value.strip().lower() == "nan":  # pydantic compares it with the limits of the range
        requirement = "a number"
    if requirement:
        return f"{_name(error)} must be {requirement.format(**context)} (got {value})"
    return f"{_name(error)}: {_one_line(str(context.get('error', error.message)))}"


def _library_message(error: Any) -> str:
    text = _one_line(error.message)
    if extra := re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.+)\)", text):
        return f"unexpected argument: {extra[1]}"
    return text[:1].lower() + text[1:]


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
