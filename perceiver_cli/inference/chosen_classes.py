"""The classes named by --classes, looked up in the weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from perceiver_cli.checkpoints.format import read_header
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.errors import CheckpointError, UsageError

# The one checkpoint in use, or that of each modality.
WeightsChoice = Path | Mapping[str, Path | CheckpointError]


def split_classes(texts: Sequence[str], weights: WeightsChoice) -> list[str]:
    """Splits texts with several names at their commas.

    Args:
        texts: The values of --classes. A name may itself contain commas: the longest name that a
            checkpoint knows is chosen.
        weights: The one checkpoint in use, or that of each modality.

    Returns:
        The names, known or not, without empty ones.
    """
    known = {name.casefold() for tree in _trees(weights) for name in tree.names()}
    return [name for text in texts for name in _split(text, known)]


def check_classes(names: Sequence[str], weights: WeightsChoice) -> None:
    """Looks each name up among the labels, ids, groups and kinds.

    Args:
        names: The names in --classes.
        weights: The one checkpoint in use, or that of each modality.

    Raises:
        UsageError: No checkpoint knows a name.
    """
    if not names:
        return
    trees = _trees(weights)
    for name in names:
        if any(tree.classes_of(name) for tree in trees):
            continue
        known = {text.casefold(): text for tree in trees for text in tree.names()}
        close = [known[text] for text in get_close_matches(name.casefold(), known, 3)]
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"no such class, group or kind: {name!r}{hint}")


def _split(text: str, known: Collection[str]) -> Iterator[str]:
    parts = text.split(",")
    while parts:
        starts = {n: ",".join(parts[:n]).strip() for n in range(len(parts), 0, -1)}
        size = next((n for n, name in starts.items() if name.casefold() in known), 1)
        if starts[size]:
            yield starts[size]
        parts = parts[size:]


def _trees(weights: WeightsChoice) -> list[LabelTree]:
    checkpoints = [weights] if isinstance(weights, Path) else list(weights.values())
    paths = {path for path in checkpoints if isinstance(path, Path)}
    return [_tree(path, path.stat().st_mtime_ns) for path in sorted(paths)]


@lru_cache(maxsize=16)
def _tree(path: Path, modified_ns: int) -> LabelTree:
    """The labels of a checkpoint, cached: a call splits names first and then checks them."""
    return LabelTree(read_header(path).labels)
