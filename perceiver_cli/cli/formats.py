"""Choice of the output format of a call."""

from __future__ import annotations

from pathlib import Path

from perceiver_cli.choices import Format
from perceiver_cli.cli.output import is_file
from perceiver_cli.errors import UsageError


def format_names(incomplete: str = "") -> list[str]:
    """Names of formats that begin with the given text."""
    return [format.value for format in Format if format.value.startswith(incomplete)]


def pick_format(
    named: str | None, as_json: bool, as_jsonl: bool, output: Path | None, timeline: bool
) -> Format | str | None:
    """The format or template that a call requests; None if it requests none.

    Args:
        named: The value of --format.
        as_json: Whether --json is given.
        as_jsonl: Whether --jsonl is given.
        output: The value of -o, whose extension decides if no option does.
        timeline: Whether events are requested; .txt then stands for Audacity labels.

    Raises:
        UsageError: The format, a field or the extension is unknown, or options contradict each
            other.
    """
    asked = ["json"] * as_json + ["jsonl"] * as_jsonl
    if named is not None:
        asked.insert(0, named)
    if len(set(asked)) > 1:
        raise UsageError(f"choose one format: {' or '.join(asked)}")
    if asked:
        return _format(asked[0])
    if output is None or not is_file(output):
        return None
    from perceiver_cli.report import ENDINGS

    format = ENDINGS.get(output.suffix.lower())
    if timeline and format is Format.table:
        return Format.audacity
    if format is None:
        endings = ", ".join(ENDINGS)
        raise UsageError(
            f"{output}: unknown file extension; use one of {endings}, or give --format"
        )
    return format


def _format(name: str) -> Format | str:
    if name in list(Format):
        return Format(name)
    if "%" not in name:
        known = ", ".join(Format)
        raise UsageError(f"no such format: {name}; use {known}, or a template such as '%p: %l %s'")
    from perceiver_cli.report.template import check_template

    try:
        return check_template(name)
    except ValueError as error:
        raise UsageError(f"--format {name}: {error}") from None
