"""Sources in, an ordered stream of Results out: decoding runs beside the model."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header
from perceiver_cli.detect import Detection
from perceiver_cli.device import pick_device
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inference.decoding.decode import Decoded, Here, Steps, decode
from perceiver_cli.inference.decoding.subprocesses import Apart
from perceiver_cli.inference.engine import Engine
from perceiver_cli.inference.postprocess import Wanted, answer
from perceiver_cli.inference.scheduler import Line
from perceiver_cli.inference.threads import default_threads, use_threads
from perceiver_cli.media.types import Source
from perceiver_cli.model.quantization.precision import precision_in_words
from perceiver_cli.processor import usable_cores
from perceiver_cli.results import Result

# How many inputs are read ahead, in batches: enough to sort a mixed folder into batches.
AHEAD = 3

# Batches are divided among cores down to this size, below which a model slows down.
SMALLEST_BATCH = 4

# More decoders than this outrun any model, and each process of them takes some 100 MB.
MOST_DECODERS = 16


class Classifier:
    """Classifies files of any modality with the bundled weights, or with those named.

    model: name or path of a checkpoint for every input; None takes the default of each modality.
    modality: "auto" goes by content; anything else is what every input has to be.
    top, min_score: how many predictions a Result has (None: all), and from which score on.
    attention: whether Results carry attention statistics. device: see device.py; precision: see
    model/quantization/precision.py.
    threads: processor threads for the model; None takes torch's default, one per core, as far as
    this process may use them.
    timeout: seconds for decoding one input; 0 is no limit. Streams then decode in processes of
    their own, which are replaced when they hang or crash. None decodes in this process.
    strict: whether an input fails of which something had to be left out or repaired.
    The process that it runs in keeps its own settings: torch's number of threads, the allocator's,
    the environment.
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
        batch_size: int = 32,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        timeout: float | None = None,
        strict: bool = False,
    ) -> None:
        self.modality = modality
        self.batch_size = batch_size
        self.timeout = timeout
        self.strict = strict
        self.device = pick_device(device)
        self.precision = precision_in_words(precision, self.device)
        self._precision = precision
        self.threads = threads or default_threads()
        self._wanted = Wanted(top, min_score, attention)
        self._engines: dict[Path, Engine] = {}
        self._loading = threading.Lock()
        self._stopping = False
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

    def stream(
        self, inputs: Iterable[str | os.PathLike[str] | Source], place: Steps | None = None
    ) -> Iterator[Result]:
        """One Result per input, in input order, each as soon as it and those before are ready.

        inputs are read by another thread, a little ahead. Memory is bounded by the batch size,
        not by their number. place: where decoding is done, if not where `timeout` says.
        """
        self._stopping = False
        if place is None:
            place = Here() if self.timeout is None else Apart(self.timeout)
        # Batches side by side, a core for each, are faster than one batch on all cores.
        lanes = self.threads if self.device.type == "cpu" else 1
        size = min(self.batch_size, max(SMALLEST_BATCH, self.batch_size // lanes))
        line = Line(
            (s if isinstance(s, Source) else Source(os.fspath(s)) for s in inputs),
            partial(decode, place=place, engine_for=self._engine_for, strict=self.strict),
            self._answer,
            room=AHEAD * max(self.batch_size, size * lanes),
            decoders=min(MOST_DECODERS, usable_cores()),
            lanes=lanes,
            size=size,
            stopped=lambda: self._stopping,
        )
        try:
            yield from line.results()
        finally:
            place.close()
            line.close()

    def stop(self) -> None:
        """Lets the stream end after the batch in hand. May be called by a signal handler."""
        self._stopping = True

    def decode(self, source: Source) -> Decoded:
        """Everything up to the model: detection, the model that serves it, windows of arrays."""
        return decode(source, Here(), self._engine_for, self.strict)

    def _answer(self, batch: list[Decoded], alone: bool) -> list[Result]:
        use_threads(self.threads if alone else 1)
        return answer(batch, self._wanted)

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
        with self._loading:
            if path not in self._engines:
                self._engines[path] = Engine(path, self.device, self._precision)
            return self._engines[path]
