"""Checks that the outputs of classify do not overwrite its inputs."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from perceiver_cli.cli.output import check_replaces_no_input
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inputs.names import archive_kind

if TYPE_CHECKING:
    from perceiver_cli.cli.selection import Selection


def check_replaces_no_input_of(output: Path | None, selection: Selection) -> None:
    """Raises UsageError if an output may overwrite an input, including those of an unread list.

    The output of an earlier call may be in a folder that is read, because it is not media. Folders
    are searched only for media.

    Args:
        output: -o or --report.
        selection: The inputs.
    """
    check_replaces_no_input(output, selection.named_files())
    if output and output.is_file() and (archive_kind(str(output)) or _is_media(output)):
        if not selection.listed_in_file:
            raise UsageError(f"{output} may be in the list, and the output would overwrite it")
        check_replaces_no_input(output, selection.found_files())


class InputFiles:
    """Tells which files are inputs. A list in a pipe is unknown, so any file may be in it.

    Args:
        selection: The inputs. They are listed only when first asked for a file that exists.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def __contains__(self, path: Path) -> bool:
        """Whether a path is a file that is an input."""
        identity = _identity(path)
        return identity is not None and (
            not self._selection.listed_in_file or identity in self._identities
        )

    @cached_property
    def _identities(self) -> set[tuple[int, int]]:
        selection = self._selection
        files = [*selection.named_files(), *selection.found_files()]
        return {identity for file in files if (identity := _identity(file))}


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and number of a file; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _is_media(path: Path) -> bool:
    """Whether a file would be classified if it were found in a folder."""
    from perceiver_cli.detect import detect
    from perceiver_cli.inference.decoding.items import is_no_media
    from perceiver_cli.media.source import Source

    source = Source(str(path))
    try:
        detect(source)
    except InputError as error:
        return not is_no_media(source, error)
    return True
