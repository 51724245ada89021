"""Sources in, an ordered stream of Results out: decoding runs beside the model."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from perceiver_cli.adapters.base import Window
from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header
from perceiver_cli.detect import Detection, detect
from perceiver_cli.device import pick_device, pick_precision
from perceiver_cli.engine import Answer, Engine
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.media.loading import facts, load
from perceiver_cli.media.types import Source
from perceiver_cli.results import InputFailure, Prediction, Result

# How many inputs are decoded ahead of the model, in batches.
AHEAD = 3


@dataclass(frozen=True)
class Decoded:
    """An input on its way to the model, or the reason why it stops here."""

    source: Source
    seconds: float
    detection: Detection | None = None
    engine: Engine | None = None
    facts: dict[str, Any] | None = None
    windows: tuple[Window, ...] = ()
    error: InputError | None = None


class Classifier:
    """Classifies files of any modality with the bundled weights, or with those named.

    model: name or path of a checkpoint for every input; None takes the default of each modality.
    modality: "auto" goes by content; anything else is what every input has to be.
    top, min_score: how many predictions a Result has (None: all), and from which score on.
    attention: whether Results carry attention statistics. device, precision: see device.py.
    threads: torch's own; None leaves torch's default.
    Raises UsageError for an unknown name and CheckpointError for weights that cannot be used.
    """

    def __init__(
        self,
        model: str | None = None,
        modality: str = "auto",
        *,
        top: int | None = 5,
        min_score: float = 0.0,
        attention: bool = True,
        batch_size: int = 16,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.modality = modality
        self.top = top
        self.min_score = min_score
        self.attention = attention
        self.batch_size = batch_size
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        if threads:
            torch.set_num_threads(threads)
        self._engines: dict[Path, Engine] = {}
        self._only = self._engine(registry.find(model)) if model else None

    @property
    def header(self) -> Header:
        """What the named model says of itself. Raises UsageError if none was named."""
        if self._only is None:
            raise UsageError("no one model was named")
        return self._only.header

    def classify(self, path: str | os.PathLike[str] | Source) -> Result:
        """The Result for one file. A file that cannot be classified gives status "error"."""
        return next(self.stream([path]))

    def stream(self, inputs: Iterable[str | os.PathLike[str] | Source]) -> Iterator[Result]:
        """One Result per input, in input order, each as soon as it and those before are ready.

        Memory is bounded by the batch size, not by the number of inputs.
        """
        sources = (s if isinstance(s, Source) else Source(os.fspath(s)) for s in inputs)
        with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
            waiting: deque[Future[Decoded]] = deque()
            try:
                while True:
                    free = AHEAD * self.batch_size - len(waiting)
                    waiting.extend(pool.submit(self.decode, s) for s in islice(sources, free))
                    if not waiting:
                        return
                    yield from self._answer(self._take_ready(waiting))
            finally:
                for future in waiting:
                    future.cancel()

    def _take_ready(self, waiting: deque[Future[Decoded]]) -> list[Decoded]:
        """Waits for the next input, and takes those behind it that are decoded already."""
        taken = [waiting.popleft().result()]
        while waiting and waiting[0].done() and len(taken) < self.batch_size:
            taken.append(waiting.popleft().result())
        return taken

    def decode(self, source: Source) -> Decoded:
        """Everything up to the model: detection, the model that serves it, windows of arrays."""
        started = time.perf_counter()
        try:
            detection = detect(source)
            engine = self._engine_for(detection)
            media = load(source, detection, engine.adapter.needs)
            windows = tuple(engine.adapter.prepare(media))
            return Decoded(
                source,
                time.perf_counter() - started,
                detection,
                engine,
                facts(media),
                windows,
            )
        except InputError as error:
            return Decoded(source, time.perf_counter() - started, error=error)

    def _engine_for(self, detection: Detection) -> Engine:
        modality = detection.modality
        if self.modality not in ("auto", modality):
            raise InputError(
                "unsupported", f"is {modality} ({detection.reason}), not {self.modality}"
            )
        if self._only is None:
            return self._engine(registry.default_for(modality))
        adapter = self._only.adapter
        if not adapter.reads(modality):
            name = self._only.header.name
            raise InputError("unsupported", f"is {modality}, but {name} reads {adapter.modality}")
        return self._only

    def _engine(self, path: Path) -> Engine:
        if path not in self._engines:
            self._engines[path] = Engine(path, self.device, self.precision)
        return self._engines[path]

    def _answer(self, batch: list[Decoded]) -> list[Result]:
        by_engine: dict[int, list[int]] = {}
        for index, decoded in enumerate(batch):
            if decoded.engine is not None:
                by_engine.setdefault(id(decoded.engine), []).append(index)
        results: dict[int, Result] = {}
        for indices in by_engine.values():
            engine = batch[indices[0]].engine
            windows = [w for i in indices for w in batch[i].windows]
            started = time.perf_counter()
            answers = iter(engine.answer(windows, attention=self.attention))
            each = (time.perf_counter() - started) / len(indices)
            for i in indices:
                own = list(islice(answers, len(batch[i].windows)))
                results[i] = self._result(batch[i], engine, own, each)
        return [results.get(i) or _failed(d) for i, d in enumerate(batch)]

    def _result(
        self, decoded: Decoded, engine: Engine, answers: list[Answer], model_s: float
    ) -> Result:
        header = engine.header
        scores = np.mean([a.scores for a in answers], axis=0)
        order = np.argsort(-scores, kind="stable")
        best = int(order[0])
        # With several windows the attention shown is that of the one that says so most clearly.
        clearest = max(answers, key=lambda answer: answer.scores[best])
        predictions = [
            Prediction(
                header.labels[i].label, int(i), header.labels[i].id, round(float(scores[i]), 4)
            )
            for i in order[: self.top]
            if scores[i] >= self.min_score
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
        error=InputFailure(decoded.error.kind, decoded.error.message),
        seconds={"load": round(decoded.seconds, 4), "model": 0.0},
    )
