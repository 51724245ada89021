"""The outcome of detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from perceiver_cli.errors import InputError, NotMediaError

# For models that other programs can write in another format.
EXPORT_MODEL = "(export it as GLB, OBJ or PLY)"

# Whether what no loader reads is media in another form. Of a folder, other files are passed over.
MEDIA, OTHER = True, False


class Kind(NamedTuple):
    """What no loader reads: in words, as "a PDF document", and MEDIA or OTHER."""

    words: str
    is_media: bool


@dataclass(frozen=True)
class Detection:
    """What a file is.

    modality is a key of the table of modalities; format is the name the loaders take ("jpeg",
    "wav", "ply", "mp4", ...); reason is one phrase for people, shown as detected_by.
    """

    modality: str
    format: str
    reason: str


def unread(kind: Kind, ending: str = "") -> InputError:
    """The error for what no loader reads: NotMediaError for OTHER.

    Args:
        kind: What it is.
        ending: The end of the message.
    """
    error = InputError if kind.is_media else NotMediaError
    return error("unsupported", f"looks like {kind.words}{ending}")
