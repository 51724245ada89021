"""Reads the output of `classify --format jsonl` or json."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from perceiver_cli.errors import UsageError
from perceiver_cli.report.input_words import input_in_words
from perceiver_cli.report.sentence import attention_in_words
from perceiver_cli.results import Classification, Result, read_result
from perceiver_cli.settings import parse_json


def read_records(stream: BinaryIO, name: str) -> Iterator[Result]:
    """The Results of JSON lines, a journal, or one JSON array.

    name: of the file, for messages. Raises UsageError, with the line, if it is not a record.
    """
    lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
    first = next(lines, None)
    if first is None:
        return
    if first[1].lstrip().startswith(b"["):
        text = b"".join(line for _, line in chain([first], lines))
        records = _parse(text, f"{name} is not whole JSON")
        for number, record in enumerate(records, 1):
            yield _result(record, f"{name}, record {number}")
        return
    for number, line in chain([first], lines):
        yield _line(line, f"{name}, line {number}")


def _line(line: bytes, where: str) -> Result:
    return _result(_parse(line, f"{where}: not JSON"), where)


def _parse(text: bytes, message: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        raise UsageError(message) from None


def _result(record: Any, where: str) -> Result:
    try:
        result = read_result(record)
        if result.ok:
            _check_facts(result)
    except ValueError as error:
        raise UsageError(f"{where}: not a record of `perceiver classify` ({error})") from None
    return result


def _check_facts(result: Classification) -> None:
    """Raises ValueError if the words on a Result need a fact that it lacks."""
    try:
        input_in_words(result.modality, result.input)
        attention_in_words(result)
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from None
