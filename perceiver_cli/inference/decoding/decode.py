"""One input's way to the model: detection, loading, and windows of arrays."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from perceiver_cli.detect import Detection
from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding import steps
from perceiver_cli.inference.decoding.steps import Prepared
from perceiver_cli.inference.engine import Engine
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.base import Preparation, Window


@dataclass(frozen=True)
class Decoded:
    """An input on its way to the model, or the reason why it stops here."""

    source: Source
    seconds: float
    detection: Detection | None = None
    engine: Engine | None = None
    facts: dict[str, Any] | None = None
    windows: tuple[Window, ...] = ()
    notes: tuple[str, ...] = ()
    error: InputError | None = None

    @property
    def kind(self) -> tuple[Any, ...]:
        """Inputs of the same kind fit into one batch; those that failed need no model."""
        if self.engine is None:
            return ()
        shapes = ((name, array.shape) for name, array in self.windows[0].arrays.items())
        return id(self.engine), *shapes


class Steps(Protocol):
    """Where decoding is done: in this process, or in others."""

    def detect(self, source: Source) -> Detection:
        """What a source is. Raises InputError."""

    def prepare(self, source: Source, detection: Detection, preparation: Preparation) -> Prepared:
        """The source as a model reads it. Raises InputError."""

    def close(self) -> None:
        """Ends what is under way, where that can be done."""


class Here:
    """Decodes in this process: nothing to start, but a decoder that hangs cannot be ended."""

    def detect(self, source: Source) -> Detection:
        """What a source is. Raises InputError."""
        return steps.detect(source)

    def prepare(self, source: Source, detection: Detection, preparation: Preparation) -> Prepared:
        """The source as a model reads it. Raises InputError."""
        return steps.prepare(source, detection, preparation)

    def close(self) -> None:
        """Nothing can be ended."""


def decode(
    source: Source,
    place: Steps,
    engine_for: Callable[[Detection], Engine],
    strict: bool = False,
) -> Decoded:
    """Everything up to the model.

    engine_for names the model that serves a detected input, or raises InputError. strict fails
    an input of which something was left out or repaired.
    """
    started = time.perf_counter()
    try:
        detection = place.detect(source)
        engine = engine_for(detection)
        prepared = place.prepare(source, detection, engine.adapter.preparation)
        if strict and prepared.notes:
            raise InputError("corrupt", "; ".join(prepared.notes))
    except InputError as error:
        return Decoded(source, time.perf_counter() - started, error=error)
    seconds = time.perf_counter() - started
    facts, windows, notes = prepared.facts, prepared.windows, prepared.notes
    return Decoded(source, seconds, detection, engine, facts, windows, notes)
