"""Checks that the classes named by --classes exist in the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from perceiver_cli.checkpoints.format import read_header
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.errors import CheckpointError, UsageError


def check_classes(
    names: Sequence[str], weights: Path | Mapping[str, Path | CheckpointError]
) -> None:
    """Looks each name up among the labels, ids, groups and kinds.

    Args:
        names: What --classes names.
        weights: The one checkpoint in use, or that of each modality.

    Raises:
        UsageError: No checkpoint knows a name.
    """
    if not names:
        return
    checkpoints = [weights] if isinstance(weights, Path) else list(weights.values())
    paths = {path for path in checkpoints if isinstance(path, Path)}
    trees = [LabelTree(read_header(path).labels) for path in sorted(paths)]
    for name in names:
        if any(tree.classes_of(name) for tree in trees):
            continue
        known = {text.casefold(): text for tree in trees for text in tree.names()}
        close = [known[text] for text in get_close_matches(name.casefold(), known, 3)]
        hint = f": did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"no class, group or kind is called {name!r}{hint}")
