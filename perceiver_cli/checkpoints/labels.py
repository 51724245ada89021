"""Label files: one class per line, with tab-separated columns."""

from __future__ import annotations

from pathlib import Path

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.errors import UsageError


def read_labels(path: Path, *, label_alone: bool = False) -> list[Label]:
    """Reads labels with their groups and kinds.

    Args:
        path: A file with tab-separated lines of id, label and optionally group and kind.
        label_alone: Whether a line without a tab is a label, whose id is its index among the
            non-empty lines. Otherwise it is an id without a label, and is left out.

    Returns:
        The labels in the order of their lines.

    Raises:
        UsageError: The file cannot be read, or a line has more columns or an id of a line before.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text in UTF-8") from None
    labels: list[Label] = []
    line_of: dict[str, int] = {}
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for index, (number, line) in enumerate(filled):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) > 4:
            raise UsageError(f"{path}, line {number}: more columns than id, label, group, kind")
        if len(columns) == 1:
            if not label_alone:
                continue
            columns.insert(0, str(index))
        first = line_of.setdefault(columns[0], number)
        if first != number:
            raise UsageError(f"{path}, line {number}: line {first} has the same id {columns[0]}")
        labels.append(Label(*columns))
    return labels
