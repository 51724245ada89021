"""The steps of decoding, whatever a file holds: each gives its value or an InputError.

Imports no torch: decoding processes run this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perceiver_cli.detect import Detection
from perceiver_cli.detect import detect as detect_content
from perceiver_cli.media.failures import failing_as
from perceiver_cli.media.types import Media, Source
from perceiver_cli.preparation.base import Preparation, Window

_PUZZLING = "its content makes no sense to the decoder"


@dataclass(frozen=True)
class Prepared:
    """An input as a model reads it, and what a record tells of it.

    notes: one line for each thing that was left out or repaired.
    """

    windows: tuple[Window, ...]
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()


def detect(source: Source) -> Detection:
    """What a source is. Raises InputError."""
    with failing_as("corrupt", _PUZZLING):
        return detect_content(source)


def load(source: Source, detection: Detection, preparation: Preparation) -> Media:
    """What a model needs of a source. Raises InputError."""
    with failing_as("corrupt", _PUZZLING):
        return preparation.load(source, detection.format)


def bring(media: Media, preparation: Preparation) -> Prepared:
    """What was loaded, as a model reads it. Raises InputError."""
    with failing_as("corrupt", "what it holds cannot be brought into the model's form"):
        return Prepared(tuple(preparation.windows(media)), media.describe(), media.notes)


def prepare(source: Source, detection: Detection, preparation: Preparation) -> Prepared:
    """A source, once detected, as a model reads it. Raises InputError."""
    return bring(load(source, detection, preparation), preparation)
