"""Sounds and films with more windows than are loaded at once.

Only scores are kept of the windows already read, so memory does not grow with the file's length.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.inference.engine import Engine, WindowPrediction
from perceiver_cli.inference.postprocess import PredictionOptions, result_of
from perceiver_cli.media.types import Source
from perceiver_cli.preparation import base
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Classification

# How many windows are loaded at a time, and how many the model reads at once.
STRETCH, AT_ONCE = 32, 8

Prepare = Callable[[Source], Item]


def is_long(item: PreparedItem) -> bool:
    """Whether an item holds only some of its file's windows."""
    return item.source.stretch is None and item.total > len(item.windows)


def predict_long(
    item: PreparedItem, prepare: Prepare, engine: Engine, options: PredictionOptions
) -> Classification:
    """The Result of a whole file, of which an item holds the first windows.

    Args:
        item: For which is_long holds.
        prepare: Loads the other windows.
        engine: The model for it.
        options: What the Result contains.
    """
    source = _at_hand(item.source)
    windows: list[Window] = []
    scores: list[WindowPrediction | None] = []
    notes = dict.fromkeys(item.notes)
    load_s = item.seconds
    started = time.perf_counter()
    stretch: Item = item
    first = 0
    while True:
        if isinstance(stretch, FailedItem):
            notes[f"some of it was left out: {stretch.error.message}"] = None
        else:
            scores += predict_windows(stretch.windows, engine)
            windows += [replace(window, arrays={}) for window in stretch.windows]
            notes |= dict.fromkeys(stretch.notes)
        first += base.FIRST_WINDOWS if stretch is item else STRETCH
        if first >= item.total:
            break
        stretch = prepare(replace(source, stretch=(first, STRETCH)))
        load_s += stretch.seconds
    whole = replace(item, windows=tuple(windows), notes=tuple(notes), seconds=load_s)
    model_s = time.perf_counter() - started - (load_s - item.seconds)
    result = result_of(whole, scores, engine, options, model_s)
    if not options.attention or not result.predictions:
        return result
    clearest = prepare(clearest_part(source, result))
    if isinstance(clearest, FailedItem):
        return result
    (seen,) = engine.predict(list(clearest.windows), attention=True)
    return replace(result, attention=seen.statistics)


def clearest_part(source: Source, result: Classification) -> Source:
    """The window of a long file in which its answer has the highest score, as a source."""
    best = result.predictions[0].label if result.predictions else None
    scores = [(s["score"] or 0.0) * (s["label"] == best) for s in result.segments]
    return replace(source, stretch=(scores.index(max(scores)) if scores else 0, 1))


def _at_hand(source: Source) -> Source:
    """The source with remote content fetched, so that it is not fetched for every part."""
    try:
        return source.fetched()
    except InputError:  # preparing the parts reports the reason
        return source


def predict_windows(windows: tuple[Window, ...], engine: Engine) -> list[WindowPrediction | None]:
    """The prediction for each window; None if it has no signal."""
    present = [window for window in windows if window.signal == "present"]
    predicted: list[WindowPrediction] = []
    for begin in range(0, len(present), AT_ONCE):
        predicted += engine.predict(present[begin : begin + AT_ONCE], attention=False)
    found = iter(predicted)
    return [next(found) if window.signal == "present" else None for window in windows]
