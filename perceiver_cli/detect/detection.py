"""The outcome of detection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Detection:
    """What a file is.

    modality is a key of the table of modalities; format is the name the loaders take ("jpeg",
    "wav", "ply", "mp4", ...); reason is one phrase for people, shown as detected_by.
    """

    modality: str
    format: str
    reason: str
