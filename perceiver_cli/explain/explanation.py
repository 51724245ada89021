"""A file, and what the model's answer for it rests on."""

from __future__ import annotations

import numpy as np

from perceiver_cli.checkpoints.format import Header
from perceiver_cli.errors import InputError
from perceiver_cli.explain.methods import attribute
from perceiver_cli.explanations import METHODS, Explanation, Method, Part
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.engine import Engine
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Result

ABOUT: dict[Method, str] = {
    "attention": "Attention: where the latents look, averaged over heads and latents. "
    "It says what is read, not what it is read for.",
    "rollout": "Rollout: attention followed from the answer through all layers down to the "
    "elements, as if every layer kept half of what it had.",
    "gradient": "Gradient x input: how much the answer changes with what is there, to first "
    "order, for it or against it.",
}

# People see files larger than the model does: the shorter side of pictures and of frames.
PICTURE_SIDE, FRAME_SIDE, SMALL_SIDE = 1500, 480, 200


def explain(source: Source, classifier: Classifier, method: Method | None = None) -> Explanation:
    """Classifies a file and attributes the answer to its elements, in every window.

    Raises InputError if the file cannot be classified, CheckpointError without weights for it.
    """
    result = classifier.classify(source)
    if not result.ok:
        raise InputError(result.error.kind, result.error.message, result.error.detail)
    return explain_result(result, source, classifier, method)


def explain_result(
    result: Result,
    source: Source,
    classifier: Classifier,
    method: Method | None = None,
    *,
    small: bool = False,
) -> Explanation:
    """Attributes an answer that the classifier has given for a source.

    method: None takes the one that the model's card names. small: pictures and frames are
    for thumbnails. Raises InputError if the file has changed so that it cannot
    be read any more.
    """
    decoded = classifier.decode(source)
    if decoded.error:
        raise decoded.error
    engine = decoded.engine
    method = method or usual_method(engine.header)
    best = result.predictions[0].index if result.predictions else _best(engine, decoded.windows)
    sides = (SMALL_SIDE, SMALL_SIDE) if small else (PICTURE_SIDE, FRAME_SIDE)
    preparation = engine.adapter.preparation.for_viewing(*sides)
    view = preparation.view(preparation.load(source, decoded.detection.format))
    names: tuple[str, ...] = (method,)
    parts = []
    for index, window in enumerate(decoded.windows):
        mass, sizes = attribute(engine, window, method, best)
        if method == "attention" and len(mass) > 1:
            names = (*(f"look {k + 1}" for k in range(len(mass))), "all looks")
            mass = np.concatenate([mass, mass.mean(0, keepdims=True)])
        maps, shares, start = {}, {}, 0
        for stream, size in sizes.items():
            own = mass[:, start : start + size]
            shares[stream] = own.sum(1)
            maps[stream] = engine.adapter.layout(stream, own * mass.shape[1], window)
            start += size
        parts.append(Part(maps, shares, view.frames[index] if view.frames else None))
    return Explanation(result, method, ABOUT[method], names, tuple(parts), view.size)


def usual_method(header: Header) -> Method:
    """The method that was measured to be the most faithful for a model; else attention."""
    method = header.card.get("explain_with")
    return method if method in METHODS else "attention"


def _best(engine: Engine, windows: tuple[Window, ...]) -> int:
    answers = engine.answer(list(windows), attention=False)
    return int(np.mean([answer.scores for answer in answers], axis=0).argmax())
