"""The console for tables, their style, and score bars."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from perceiver_cli.report.words import wrap

_EIGHTHS = " ▏▎▍▌▋▊▉█"

# Minimum and maximum width of tables in columns, and the width where there is no terminal.
_MIN_WIDTH, _MAX_WIDTH, _USUAL = 30, 100, 80


class _Console(Console):
    """A console that leaves a closed pipe to its caller; Rich's own ends the process."""

    def on_broken_pipe(self) -> None:
        """Raises the BrokenPipeError that is being handled."""
        raise


def console_for(stream: IO[str], width: int | None = None) -> Console:
    """A Rich console on a stream: colour only on a terminal and without NO_COLOR.

    Markup and emoji codes in file names are printed as they are.

    Args:
        stream: Where it prints.
        width: Columns; None: as many as COLUMNS or the terminal says, from 30 to 100.
    """
    if width is None:
        width = min(max(_columns_asked() or _columns_of(stream), _MIN_WIDTH), _MAX_WIDTH)
    return _Console(
        file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=False
    )


def is_fitted(console: Console) -> bool:
    """Whether lines must fit a width: on a terminal or with COLUMNS, not in a file or pipe."""
    return console.file.isatty() or _columns_asked() > 0


@contextmanager
def room_for(console: Console, columns: int) -> Iterator[None]:
    """Inside the block lines may be as long as this, unless they must fit a width."""
    before = console.width
    if not is_fitted(console):
        console.width = max(before, columns)
    try:
        yield
    finally:
        console.width = before


def _columns_asked() -> int:
    """The number in COLUMNS; 0 if it is not a plausible width."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isascii() and columns.isdecimal() else 0


def _columns_of(stream: IO[str]) -> int:
    """The columns of a terminal, or the usual ones."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or _USUAL
    except (OSError, ValueError):
        return _USUAL


def show(console: Console, table: RenderableType) -> None:
    """Prints a table; into a file or pipe without trailing spaces."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    console.file.writelines(line.rstrip() + "\n" for line in capture.get().splitlines())


def plain_table() -> Table:
    """A table without lines, with dim headings above its columns."""
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")


def show_sentence(console: Console, text: str, style: str = "") -> None:
    """Prints a separate sentence in lines of the console's width.

    Args:
        console: Where to print.
        text: The sentence.
        style: A style of rich.
    """
    show(console, Text(wrap(text, console.width), style=style))


def is_ascii(console: Console) -> bool:
    """True if the stream's encoding has no block characters."""
    return not console.encoding.lower().startswith("utf")


def bar(share: float, width: int, ascii_only: bool) -> str:
    """A score as a bar.

    Args:
        share: The score, [0, 1].
        width: Number of cells of a full bar.
        ascii_only: Whether the bar is of "#".
    """
    share = min(1.0, max(0.0, share))
    if ascii_only:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    partial = _EIGHTHS[eighths % 8].strip()
    return "█" * (eighths // 8) + partial
