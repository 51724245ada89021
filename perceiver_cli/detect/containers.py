"""Containers: their streams decide whether they are sound, video or both."""

from __future__ import annotations

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Signature
from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.media.boxes import is_cut_off
from perceiver_cli.media.codecs import is_encrypted, undecodable
from perceiver_cli.media.containers import (
    DEMUXERS,
    check_rates,
    has_pictures,
    has_sound,
    open_container,
    picture_stream,
    sound_stream,
)
from perceiver_cli.media.source import Source

# Formats with one stream, whose name already says what it is.
_SOUND = frozenset({"mp3", "aac", "ac3", "eac3"})


def detect_sound_file(signature: Signature) -> Detection:
    """A format with only sound (pictures in it are cover art)."""
    return Detection("audio", signature.format, signature.label)


def detect_container(source: Source, format: str, label: str) -> Detection:
    """Detects a container's modality from the streams that can be decoded, without cover art.

    Args:
        source: The file.
        format: One of DEMUXERS.
        label: The name of the format for people.

    Returns:
        "av", "video" or "audio", with a reason that names what cannot be decoded.

    Raises:
        InputError: "corrupt" if the streams cannot be read, "unsupported" if none of them can be
            decoded, "too_large" if its rate is above the limit.
    """
    with open_container(source, format) as container:
        pictures = picture_stream(container) is not None
        sound = sound_stream(container) is not None
        any_pictures, any_sound = has_pictures(container), has_sound(container)
        others = len(container.streams)
        if not pictures and not sound:
            check_rates(container)
    # Decoders turn encrypted streams into noise or nothing.
    pictures = pictures and not is_encrypted(source, format, "pictures")
    sound = sound and not is_encrypted(source, format, "sound")
    hidden_pictures, hidden_sound = any_pictures and not pictures, any_sound and not sound
    if pictures and sound:
        return Detection("av", format, f"{label} with pictures and sound")
    if pictures:
        ending = f"; {undecodable(source, format, 'sound')}" if hidden_sound else " only"
        return Detection("video", format, f"{label} with pictures{ending}")
    if sound and format in _SOUND:
        return Detection("audio", format, label)
    if sound:
        ending = f"; {undecodable(source, format, 'pictures')}" if hidden_pictures else " only"
        return Detection("audio", format, f"{label} with sound{ending}")
    if (hidden_pictures or hidden_sound) and DEMUXERS[format] == "mov":
        with source.open() as stream:
            if is_cut_off(stream, b"moov"):
                raise InputError("corrupt", f"the {format.upper()} container is cut off")
    if hidden_pictures or hidden_sound:
        what = undecodable(source, format, "pictures" if hidden_pictures else "sound")
        raise InputError("unsupported", f"looks like {label}, but {what}")
    if not others:
        raise InputError("corrupt", f"the {format.upper()} container is cut off: no streams in it")
    raise NotMediaError("unsupported", f"a {format.upper()} container without pictures or sound")
