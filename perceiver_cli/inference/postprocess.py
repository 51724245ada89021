"""Converts the model's scores of a batch to Results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from perceiver_cli.array_types import Float64Array
from perceiver_cli.checkpoints.format import Header, Label
from perceiver_cli.checkpoints.label_tree import LabelTree, renormalised
from perceiver_cli.inference.decoding.items import FailedItem, PreparedItem
from perceiver_cli.inference.engine import Engine, WindowPrediction
from perceiver_cli.inference.events import find_events, settings_of, timeline_of, votes_of
from perceiver_cli.inference.read_share import read_share
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Classification, Failure, InputFailure, Prediction


@dataclass(frozen=True)
class PredictionOptions:
    """Options of the contents of Results.

    Attributes:
        top: Maximum number of predictions; None: all.
        min_score: Predictions with a lower score are left out.
        attention: Whether attention statistics are measured.
        sure: Minimum score of an answer.
        classes: Names of the classes, groups and kinds to choose from; empty for all.
    """

    top: int | None
    min_score: float
    attention: bool
    sure: float
    classes: tuple[str, ...] = ()


def predict_batch(
    batch: Sequence[PreparedItem], engine: Engine, options: PredictionOptions
) -> list[Classification]:
    """One Result per item; `engine` is the model for all of them."""
    started = time.perf_counter()
    windows = [window for item in batch for window in item.windows]
    predicted = iter(predict_windows(windows, engine, attention=options.attention))
    each_s = (time.perf_counter() - started) / len(batch)
    return [
        result_of(item, list(islice(predicted, len(item.windows))), engine, options, each_s)
        for item in batch
    ]


def predict_windows(
    windows: Sequence[Window], engine: Engine, *, attention: bool
) -> list[WindowPrediction | None]:
    """Predicts each window; None for a window without a signal, which does not vote.

    Args:
        windows: The windows that the model reads in one call.
        engine: The model.
        attention: Whether attention statistics are measured.
    """
    present = [window for window in windows if window.has_signal]
    predicted = iter(engine.predict(present, attention=attention) if present else ())
    return [next(predicted) if window.has_signal else None for window in windows]


def failed_result(item: FailedItem) -> Failure:
    """The Result of an input that cannot be classified."""
    return Failure(
        item.source.path,
        InputFailure(item.error.kind, item.error.message, item.error.detail),
        {"load": round(item.seconds, 4), "model": 0.0},
    )


def result_of(
    item: PreparedItem,
    predicted: list[WindowPrediction | None],
    engine: Engine,
    options: PredictionOptions,
    model_s: float,
) -> Classification:
    """The Result of an item.

    Args:
        item: The item, with all of its windows.
        predicted: The prediction for each window; None for a window without a signal.
        engine: The model.
        options: What the Result contains.
        model_s: How long the model took.
    """
    header = engine.header
    chosen = _Chosen.of(options.classes, engine.tree)
    events, votes = _events(item, predicted, header, chosen) if item.read_whole else ([], None)
    several = max(item.total, len(predicted)) > 1
    result = Classification(
        path=item.source.path,
        modality=item.detection.modality,
        detected_by=item.detection.reason,
        model=header.name,
        signal=item.signal,
        predictions=[],
        input=item.facts,
        segments=_segments(item.windows, predicted, header, chosen) if several else [],
        events=events,
        notes=list(item.notes),
        seconds={"load": round(item.seconds, 4), "model": round(model_s, 4)},
    )
    present = [window for window in predicted if window is not None]
    if not present:
        return result
    scores = np.average([window.scores for window in present], axis=0, weights=votes)
    scores = chosen.share(scores)
    order = np.argsort(-scores, kind="stable")
    best = int(order[0])
    # With several windows, the attention of the one with the highest score is shown.
    clearest = max(present, key=lambda window: float(chosen.share(window.scores)[best]))
    answer = engine.tree.answer(scores, options.sure) if scores[best] else None
    return replace(
        result,
        answer=answer,
        confident=answer is not None and answer.level == "class",
        familiar=_familiar(present, engine),
        predictions=[
            _prediction(header.labels[i], int(i), float(scores[i]))
            for i in order[: options.top]
            if scores[i] >= options.min_score and chosen.has(i)
        ],
        among=None if chosen.classes is None else [header.labels[i].id for i in chosen.classes],
        read=read_share(item, header.recipe),
        byte_array={"elements": clearest.num_elements, "channels": clearest.channels},
        attention=clearest.statistics,
    )


@dataclass(frozen=True)
class _Chosen:
    """classes: indices of the classes to choose from; None: all."""

    classes: list[int] | None

    @classmethod
    def of(cls, names: Sequence[str], tree: LabelTree) -> _Chosen:
        """The classes of these names of classes, groups and kinds; all if there are none."""
        if not names:
            return cls(None)
        return cls(sorted({index for name in names for index in tree.classes_of(name)}))

    def has(self, index: int) -> bool:
        """Whether a class is one of them."""
        return self.classes is None or index in self.classes

    def share(self, scores: Float64Array) -> Float64Array:
        """Scores [classes] with the whole sum shared among the chosen classes."""
        return scores if self.classes is None else renormalised(scores, self.classes)

    def keep(self, scores: Float64Array) -> Float64Array:
        """Scores [classes] with 0 for the classes that are not chosen."""
        if self.classes is None:
            return scores
        kept = np.zeros_like(scores)
        kept[self.classes] = scores[self.classes]
        return kept


def _familiar(found: list[WindowPrediction], engine: Engine) -> bool | None:
    """Whether the windows on average are like the training data."""
    distances = [window.distance for window in found if window.distance is not None]
    if engine.familiar is None or not distances:
        return None
    return engine.familiar.includes(float(np.mean(distances)), found[0].stream_key)


def _prediction(label: Label, index: int, score: float) -> Prediction:
    wider = label.group or None, label.kind or None
    return Prediction(label.label, index, label.id, round(score, 4), *wider)


def _segments(
    windows: tuple[Window, ...],
    predicted: list[WindowPrediction | None],
    header: Header,
    chosen: _Chosen,
) -> list[dict[str, Any]]:
    """The segments: each window's top label among the chosen classes, if it has one.

    After windows that could not be read, segments also have their index within the file.
    """
    window_s = header.recipe.get("window_s", 0.0)
    segments = []
    for number, (window, prediction) in enumerate(zip(windows, predicted, strict=True)):
        label, score = None, None
        if prediction is not None:
            scores = chosen.share(prediction.scores)
            best = int(scores.argmax())
            if scores[best]:
                label, score = header.labels[best].label, round(float(scores[best]), 4)
        start_s, length_s = window.location["start_s"], window.location["length_s"]
        segment = {
            "start_s": round(start_s, 3),
            "end_s": round(start_s + (length_s or window_s), 3),
            "label": label,
            "score": score,
            "signal": window.signal,
        }
        if window.location["index"] != number:
            segment["index"] = window.location["index"]
        segments.append(segment)
    return segments


def _events(
    item: PreparedItem,
    predicted: list[WindowPrediction | None],
    header: Header,
    chosen: _Chosen,
) -> tuple[list[dict[str, Any]], list[float] | None]:
    """The events of the chosen classes, and the weight of each window that has a signal.

    Whether a class is heard does not depend on which classes are chosen: scores are not shared.
    """
    settings = settings_of(header.events)
    scores = [None if window is None else chosen.keep(window.scores) for window in predicted]
    timeline = timeline_of(item.windows, scores, header.recipe["window_s"])
    votes = votes_of(item.windows, timeline, settings)
    own = [float(vote) for vote, window in zip(votes, predicted, strict=True) if window]
    return find_events(timeline, header.labels, settings), own if sum(own) else None
