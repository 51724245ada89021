"""The outcome of detection."""

from __future__ import annotations

import re
from dataclasses import dataclass

from perceiver_cli.errors import InputError, NotMediaError

# For models that other programs can write in another format.
EXPORT_MODEL = "(export it as GLB, OBJ or PLY)"

# Advice in messages about media that no loader reads.
_ADVICE = re.compile(r"\((?:export|convert|render) ")


@dataclass(frozen=True)
class Detection:
    """What a file is.

    modality is a key of the table of modalities; format is the name the loaders take ("jpeg",
    "wav", "ply", "mp4", ...); reason is one phrase for people, shown as detected_by.
    """

    modality: str
    format: str
    reason: str


def unread(message: str) -> InputError:
    """The error for what no loader reads: NotMediaError, unless it can be exported as media."""
    kind = InputError if _ADVICE.search(message) else NotMediaError
    return kind("unsupported", message)
