"""From what the model says of a batch to Results."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

import numpy as np

from perceiver_cli.checkpoints.format import Header
from perceiver_cli.inference.decoding.decode import Decoded
from perceiver_cli.inference.engine import Answer
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import InputFailure, Prediction, Result


@dataclass(frozen=True)
class Wanted:
    """What Results tell: at most `top` predictions (None: all) from min_score on, and whether
    where the model looked.
    """

    top: int | None
    min_score: float
    attention: bool


def answer(batch: list[Decoded], wanted: Wanted) -> list[Result]:
    """One Result per input. The inputs are of one kind: see Decoded.kind."""
    engine = batch[0].engine
    if engine is None:
        return [_failed(decoded) for decoded in batch]
    started = time.perf_counter()
    windows = [window for decoded in batch for window in decoded.windows]
    answers = iter(engine.answer(windows, attention=wanted.attention))
    each_s = (time.perf_counter() - started) / len(batch)
    return [
        _result(decoded, list(islice(answers, len(decoded.windows))), wanted, each_s)
        for decoded in batch
    ]


def _result(decoded: Decoded, answers: list[Answer], wanted: Wanted, model_s: float) -> Result:
    header = decoded.engine.header
    scores = np.mean([a.scores for a in answers], axis=0)
    order = np.argsort(-scores, kind="stable")
    best = int(order[0])
    # With several windows the attention shown is that of the one that says so most clearly.
    clearest = max(answers, key=lambda answer: answer.scores[best])
    predictions = [
        Prediction(header.labels[i].label, int(i), header.labels[i].id, round(float(scores[i]), 4))
        for i in order[: wanted.top]
        if scores[i] >= wanted.min_score
    ]
    confident = None if header.threshold is None else bool(scores[best] >= header.threshold)
    return Result(
        path=decoded.source.path,
        status="ok",
        modality=decoded.detection.modality,
        detected_by=decoded.detection.reason,
        model=header.name,
        predictions=predictions,
        confident=confident,
        input=decoded.facts,
        byte_array={"elements": clearest.elements, "channels": clearest.channels},
        attention=clearest.stats,
        segments=_segments(decoded.windows, answers, header) if len(answers) > 1 else [],
        notes=list(decoded.notes),
        seconds={"load": round(decoded.seconds, 4), "model": round(model_s, 4)},
    )


def _segments(windows: tuple[Window, ...], answers: list[Answer], header: Header) -> list[dict]:
    """Each window's own top label."""
    return [
        {
            "start_s": round(window.place["start_s"], 3),
            "label": header.labels[int(answer.scores.argmax())].label,
            "score": round(float(answer.scores.max()), 4),
        }
        for window, answer in zip(windows, answers, strict=True)
    ]


def _failed(decoded: Decoded) -> Result:
    return Result(
        path=decoded.source.path,
        status="error",
        error=InputFailure(decoded.error.kind, decoded.error.message, decoded.error.detail),
        seconds={"load": round(decoded.seconds, 4), "model": 0.0},
    )
