"""Choice of the windows to draw of a sound or film, which may have hundreds that overlap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inference.long_inputs import is_long
from perceiver_cli.media.source import WindowRange
from perceiver_cli.results import Classification

# Side by side in one drawing.
MAX_WINDOWS = 5


def windows_to_draw(item: PreparedItem, result: Classification) -> list[int]:
    """The windows to draw of those with a signal.

    All of them, or, of a file that is read whole, at most MAX_WINDOWS that do not overlap: those in
    which the best prediction has the highest scores.

    Args:
        item: The file.
        result: Its Result.

    Returns:
        Indices within the file, ascending.
    """
    if not result.segments:
        return [0]
    best = result.predictions[0].label if result.predictions else None
    present = [
        (segment.get("index", position), segment)
        for position, segment in enumerate(result.segments)
        if segment["signal"] == "present"
    ]
    if not item.read_whole:
        return [index for index, _ in present]
    present.sort(key=lambda pair: (pair[1]["label"] != best, -(pair[1]["score"] or 0.0)))
    chosen: dict[int, dict[str, Any]] = {}
    for index, segment in present:
        if len(chosen) < MAX_WINDOWS and not any(_overlap(segment, s) for s in chosen.values()):
            chosen[index] = segment
    return sorted(chosen)


def item_of_windows(item: PreparedItem, indices: list[int], preparer: Preparer) -> PreparedItem:
    """The item with only some of its file's windows.

    Args:
        item: All windows of the file, or the first ones of a long file.
        indices: Indices of the windows within the file.
        preparer: Loads windows of a long file.

    Raises:
        InputError: The file can no longer be read.
    """
    places = [(item, index) for index in indices]
    if is_long(item):
        sources = [replace(item.source, part=WindowRange(index, 1)) for index in indices]
        places = [(_prepared(preparer.prepare(source)), 0) for source in sources]
    frames = tuple(part.preview.frames[index] for part, index in places if part.preview.frames)
    return replace(
        item,
        windows=tuple(part.windows[index] for part, index in places),
        preview=replace(item.preview, frames=frames),
    )


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["start_s"] < other["end_s"] and other["start_s"] < one["end_s"])


def _prepared(item: Item) -> PreparedItem:
    if isinstance(item, FailedItem):
        raise item.error
    return item
