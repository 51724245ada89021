"""Explanation of a prediction: attribution maps in a file's own coordinates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perceiver_cli.checkpoints.format import Header
from perceiver_cli.choices import Method
from perceiver_cli.errors import InputError
from perceiver_cli.explain.drawn_windows import item_of_windows, windows_to_draw
from perceiver_cli.explain.methods import attribute
from perceiver_cli.explanations import Explanation, WindowMaps
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.engine import Engine
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import LARGE_PREVIEW, Window
from perceiver_cli.results import Classification

ABOUT: dict[Method, str] = {
    Method.attention: "Attention: where the latents look, averaged over heads and latents. "
    "It shows what is read, not how it affects the answer.",
    Method.rollout: "Rollout: attention from the answer through all layers to the elements; each "
    "layer is assumed to keep half of its input.",
    Method.gradient: "Gradient x input: how much the answer changes with each element, to first "
    "order, in either direction.",
}


def explain(source: Source, classifier: Classifier, method: Method | None = None) -> Explanation:
    """Classifies a file and attributes the prediction to its elements.

    The windows are those that `classify` reads; those of windows_to_draw are explained.

    Args:
        source: The file.
        classifier: The classifier to use.
        method: The method; None: that of the model's card.

    Raises:
        InputError: The file cannot be classified.
        CheckpointError: There are no weights for it.
    """
    preparer = replace(classifier.preparer, preview_sides=LARGE_PREVIEW)
    item = preparer.prepare(source.fetched())
    if isinstance(item, FailedItem):
        raise item.error
    (result,) = classifier.predict([item])
    assert result.ok  # as the item was prepared
    if not result.has_signal:
        signal = result.signal.replace("_", " ")
        raise InputError("empty", f"there is nothing to explain ({signal})")
    drawn = item_of_windows(item, windows_to_draw(item, result), preparer)
    return explain_item(drawn, result, classifier.engine_of(item), method)


def explain_item(
    item: PreparedItem, result: Classification, engine: Engine, method: Method | None = None
) -> Explanation:
    """Attributes the prediction for an item to its elements.

    Args:
        item: The item, with its preview if pictures or frames are to be drawn.
        result: The model's prediction for the item, of this or of an earlier run.
        engine: The model for it.
        method: The method; None: that of the model's card.
    """
    method = method or usual_method(engine.header)
    best = result.predictions[0].index if result.predictions else _best(engine, item.windows)
    names: tuple[str, ...] = (method,)
    windows = []
    for index, window in enumerate(item.windows):
        mass, sizes = attribute(engine, window, method, best)
        if method == "attention" and len(mass) > 1:
            names = (*(f"cross-attend {k + 1}" for k in range(len(mass))), "all cross-attends")
            mass = np.concatenate([mass, mass.mean(0, keepdims=True)])
        maps, shares, start = {}, {}, 0
        for stream, size in sizes.items():
            own = mass[:, start : start + size]
            shares[stream] = own.sum(1)
            maps[stream] = engine.adapter.attribution_map(stream, own * mass.shape[1], window)
            start += size
        frames = item.preview.frames[index] if item.preview.frames else None
        windows.append(WindowMaps(maps, shares, frames))
    return Explanation(result, method, ABOUT[method], names, tuple(windows), item.preview.size)


def usual_method(header: Header) -> Method:
    """The method that was measured to be the most faithful for a model; attention if none was."""
    method = header.card.get("explain_with")
    return Method(method) if method in list(Method) else Method.attention


def _best(engine: Engine, windows: tuple[Window, ...]) -> int:
    predicted = engine.predict(list(windows), attention=False)
    return int(np.mean([window.scores for window in predicted], axis=0).argmax())
