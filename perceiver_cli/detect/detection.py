"""The outcome of detection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from perceiver_cli.errors import InputError, NotMediaError

# For models that other programs can write in another format.
EXPORT_MODEL = "(export it as GLB, OBJ or PLY)"

# Whether an unsupported file is media in another form; files that are not are passed over.
MEDIA, OTHER = True, False


class Kind(NamedTuple):
    """An unsupported type of file: in words, such as "a PDF document", and MEDIA or OTHER."""

    words: str
    is_media: bool


@dataclass(frozen=True)
class Detection:
    """The type of a file.

    modality is a key of the table of modalities; format is the name for loaders ("jpeg", "wav",
    "ply", "mp4", ...); reason is one phrase for people, shown as detected_by.
    """

    modality: str
    format: str
    reason: str


def unread(kind: Kind, ending: str = "") -> InputError:
    """The error for an unsupported type of file: NotMediaError for OTHER.

    Args:
        kind: The type of the file.
        ending: The end of the message.
    """
    error = InputError if kind.is_media else NotMediaError
    return error("unsupported", f"looks like {kind.words}{ending}")
