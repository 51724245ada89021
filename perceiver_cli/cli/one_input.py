"""The input of a command that takes one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perceiver_cli.errors import InputError, NotMediaError

if TYPE_CHECKING:
    from perceiver_cli.media.source import Source


def one_source(path: str) -> Source:
    """The source for an argument: a name for named_source, or "-" for standard input."""
    from perceiver_cli.inputs.named_sources import named_source
    from perceiver_cli.inputs.names import STDIN
    from perceiver_cli.inputs.paths import read_pipe
    from perceiver_cli.inputs.standard_input import standard_input
    from perceiver_cli.media.source import Source

    return Source(path, read_pipe(standard_input())) if path == STDIN else named_source(path)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Puts the path before the message of an InputError; for an archive, gives advice."""
    from perceiver_cli.inputs.names import archive_kind, member_name
    from perceiver_cli.report.words import display_path

    try:
        yield
    except InputError as error:
        message = error.message
        if isinstance(error, NotMediaError) and (kind := archive_kind(path)):
            message = f"is an archive; give one of its files as {member_name(kind, 'FILE', path)}"
        message = f"{display_path(path)}: {message}"
        raise InputError(error.kind, message, error.detail) from None
