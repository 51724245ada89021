"""The types of a Classifier's settings, for callers that pass them on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class ClassifierSettings(TypedDict, total=False):
    """Arguments of a Classifier by name, as it documents them.

    The arguments that each caller decides are left out: attention, decoders, timeout and
    preview_sides.
    """

    model: str | None
    modality: str
    top: int | None
    min_score: float
    sure: float
    classes: Sequence[str]
    batch_size: int
    device: str
    precision: str
    threads: int | None
    strict: bool
    timeline: bool
    windows: int | None
