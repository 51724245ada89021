"""Sounds and films with more windows than are loaded at once.

Only scores are kept of the windows already read, so memory does not grow with the file's length.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.inference.engine import Engine, WindowPrediction
from perceiver_cli.inference.postprocess import (
    PredictionOptions,
    failed_result,
    predict_windows,
    result_of,
)
from perceiver_cli.inference.prefetch import prefetch
from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.preparation import base
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Classification, Result

# Number of windows that are loaded at a time, and number that the model reads at once.
PART, AT_ONCE = 32, 8

Prepare = Callable[[Source], Item]


def is_long(item: PreparedItem) -> bool:
    """Whether an item holds only some of its file's windows."""
    return item.source.part is None and item.total > len(item.windows)


def predict_long(
    item: PreparedItem,
    prepare: Prepare,
    engine: Engine,
    options: PredictionOptions,
    *,
    strict: bool = False,
) -> Result:
    """Predicts the Result of a whole file from an item with its first windows.

    A background thread loads the next part while the model reads the current one. The Result's
    seconds for loading and for the model overlap, so their sum may exceed the elapsed time.

    Args:
        item: An item for which is_long is true.
        prepare: Loads the other windows.
        engine: The model for it.
        options: What the Result contains.
        strict: Whether a part that cannot be read fails the whole file; otherwise it is noted.
    """
    source = _at_hand(item.source)
    store = _WindowStore(item.total)
    windows: list[Window] = []
    scores: list[WindowPrediction | None] = []
    notes: dict[str, None] = {}
    load_s = model_s = 0.0
    with closing(prefetch(parts_of(item, source, prepare))) as parts:
        for part in parts:
            load_s += part.seconds
            notes |= dict.fromkeys(notes_of(part))
            if isinstance(part, FailedItem):
                if strict:
                    return failed_result(replace(part, source=item.source, seconds=load_s))
                continue
            started = time.perf_counter()
            found = [
                prediction
                for first in range(0, len(part.windows), AT_ONCE)
                for prediction in predict_windows(
                    part.windows[first : first + AT_ONCE], engine, attention=False
                )
            ]
            model_s += time.perf_counter() - started
            for window, prediction in zip(part.windows, found, strict=True):
                windows.append(store.window(window))
                scores.append(store.prediction(prediction))
    whole = replace(item, windows=tuple(windows), notes=tuple(notes), seconds=load_s)
    result = result_of(whole, scores, engine, options, model_s)
    if not options.attention or not result.predictions:
        return result
    clearest = prepare(clearest_part(source, result))
    if isinstance(clearest, FailedItem):
        return result
    (seen,) = engine.predict(list(clearest.windows), attention=True)
    return replace(result, attention=seen.statistics)


def parts_of(item: PreparedItem, source: Source, prepare: Prepare) -> Iterator[Item]:
    """Yields an item, then, if it is long, items with the other windows of its file.

    Args:
        item: All windows of the file, or the first ones of a long file.
        source: The item's source, with remote content fetched.
        prepare: Loads the other windows.
    """
    yield item
    if is_long(item):
        for first in range(base.FIRST_WINDOWS, item.total, PART):
            yield prepare(replace(source, part=WindowRange(first, PART)))


def notes_of(part: Item) -> tuple[str, ...]:
    """One line for each thing that was left out or repaired in a part of a long file.

    Args:
        part: One of parts_of; one that cannot be read is left out.
    """
    if isinstance(part, FailedItem):
        return (f"some of it was left out: {part.error.message}",)
    return part.notes


class _WindowStore:
    """Keeps the results of windows in a few large arrays.

    Thousands of small arrays among freed large ones would fragment the memory: an hour of sound
    took 60 MB more.
    """

    def __init__(self, windows: int) -> None:
        self._windows = windows
        self._tables: dict[str, npt.NDArray[Any]] = {}
        self._filled: dict[str, int] = {}

    def window(self, window: Window) -> Window:
        """A window without its arrays."""
        location = window.location
        if "levels" in location:
            location = location | {"levels": self._row("levels", location["levels"])}
        return replace(window, arrays={}, location=location)

    def prediction(self, prediction: WindowPrediction | None) -> WindowPrediction | None:
        """Stores a prediction."""
        if prediction is None:
            return None
        return replace(prediction, scores=self._row("scores", prediction.scores))

    def _row(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Stores values as the next row of a table, if they fit."""
        if name not in self._tables:
            self._tables[name] = np.empty((self._windows, len(values)), values.dtype)
        table, row = self._tables[name], self._filled.get(name, 0)
        if row == len(table) or len(values) > table.shape[1]:
            return values
        self._filled[name] = row + 1
        table[row, : len(values)] = values
        return table[row, : len(values)]


def clearest_part(source: Source, result: Classification) -> Source:
    """The source of the window of a long file in which its answer has the highest score."""
    number = result.clearest_segment
    index = result.segments[number].get("index", number)
    return replace(source, part=WindowRange(index, 1))


def _at_hand(source: Source) -> Source:
    """The source with remote content fetched, so that it is not fetched for every part."""
    try:
        return source.fetched()
    except InputError:  # preparing the parts raises the same error
        return source
