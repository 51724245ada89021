"""Containers: what streams they hold decides whether they are sound, video or both."""

from __future__ import annotations

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Signature
from perceiver_cli.errors import InputError
from perceiver_cli.media.containers import open_container, picture_stream, sound_stream
from perceiver_cli.media.types import Source


def detect_sound_file(signature: Signature) -> Detection:
    """A format that holds nothing but sound (pictures in it are cover art)."""
    return Detection("audio", signature.format, signature.label)


def detect_container(source: Source, format: str, label: str) -> Detection:
    """av, video or audio by the streams that can be decoded; cover art is not a video.

    Raises InputError("corrupt") if the streams cannot be read, "unsupported" without any.
    """
    with open_container(source, format) as container:
        pictures = picture_stream(container) is not None
        sound = sound_stream(container) is not None
        others = len(container.streams)
    if pictures and sound:
        return Detection("av", format, f"{label} with pictures and sound")
    if pictures:
        return Detection("video", format, f"{label} with pictures only")
    if sound:
        only = "" if format in ("mp3", "aac") else " with sound only"
        return Detection("audio", format, f"{label}{only}")
    if not others:
        raise InputError("corrupt", f"the {format.upper()} container is cut off: no streams in it")
    raise InputError(
        "unsupported", f"a {format.upper()} container without pictures or sound that can be decoded"
    )
