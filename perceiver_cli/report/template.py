"""One line for each Result by a template: '%p: %l %s'."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import IO

from perceiver_cli.report.words import escape_controls, score_in_words
from perceiver_cli.results import Classification, Result

_Field = Callable[[Classification], str]

# Letter -> (its meaning, its text). docs/record.md lists them.
FIELDS: dict[str, tuple[str, _Field]] = {
    "p": ("the path as given in the call", lambda r: r.path),
    "n": ("the file's name without its folders", lambda r: PurePath(r.path).name),
    "l": ("the best label", lambda r: r.predictions[0].label if r.predictions else ""),
    "i": ("the data set's own name for it", lambda r: r.predictions[0].id if r.predictions else ""),
    "s": ("its score", lambda r: score_in_words(r.predictions[0].score) if r.predictions else ""),
    "a": ("the answer, a class or a wider term", lambda r: r.answer.label if r.answer else ""),
    "v": ("its level: class, group or kind", lambda r: r.answer.level if r.answer else ""),
    "c": ("sure or unsure of the answer", lambda r: "sure" if r.answer else "unsure"),
    "f": (
        "familiar, or unlike what the weights were trained on",
        lambda r: "unlike" if r.familiar is False else "familiar" if r.familiar else "",
    ),
    "m": ("the modality", lambda r: r.modality),
    "w": ("the name of the weights", lambda r: r.model),
}

_PART = re.compile(r"%(.?)|\\([tn\\])", re.DOTALL)
_ESCAPES = {"t": "\t", "n": "\n", "\\": "\\"}


def check_template(text: str) -> str:
    """The template. Raises ValueError, with the list of fields, if one is unknown."""
    for found in _PART.finditer(text):
        letter = found[1]
        if letter is not None and letter != "%" and letter not in FIELDS:
            known = ", ".join(f"%{each} {words}" for each, (words, _) in FIELDS.items())
            raise ValueError(f"unknown field %{letter}; use {known}, or %% for %")
    return text


class TemplateWriter:
    """One line for every classified input; stderr names those that failed.

    Control characters in names are escaped, so that a name never breaks the line.
    """

    def __init__(self, stream: IO[str], template: str) -> None:
        self.stream = stream
        self._template = check_template(template)

    def begin(self) -> None:
        """Writes nothing before the first line."""

    def write(self, result: Result) -> None:
        """Writes and flushes one line."""
        if not result.ok:
            return
        classified = result

        def fill(found: re.Match[str]) -> str:
            if found[2]:
                return _ESCAPES[found[2]]
            return "%" if found[1] == "%" else escape_controls(FIELDS[found[1]][1](classified))

        self.stream.write(_PART.sub(fill, self._template) + "\n")
        self.stream.flush()

    def end(self) -> None:
        """Writes nothing after the last line."""
