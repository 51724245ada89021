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
        UsageError: The file cannot be read, or a line has more columns.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    labels: list[Label] = []
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    for index, (number, line) in enumerate(filled):
        columns = [column.strip() for column in line.split("\t")]
        if len(columns) > 4:
            raise UsageError(f"{path}, line {number}: more columns than id, label, group, kind")
        if len(columns) > 1:
            labels.append(Label(*columns))
        elif label_alone:
            labels.append(Label(str(index), *columns))
    return labels
