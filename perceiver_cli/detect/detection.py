"""The outcome of detection."""

from __future__ import annotations

from dataclasses import dataclass

from perceiver_cli.media.types import Modality


@dataclass(frozen=True)
class Detection:
    """What a file is.

    format is the name the loaders take ("jpeg", "wav", "ply", "mp4", ...); reason is one phrase
    for people, shown as detected_by.
    """

    modality: Modality
    format: str
    reason: str
