"""A record's `input` as one phrase: "451x300 JPEG", "4.0 s, 22 kHz stereo"."""

from __future__ import annotations

from typing import Any

from perceiver_cli.media.sampling import MIN_POINTS
from perceiver_cli.modalities import find_modality, part
from perceiver_cli.report.words import seconds_in_words
from perceiver_cli.results import Classification

_CHANNELS = {1: "mono", 2: "stereo"}
# Minimum share that counts as the whole input, because of rounding.
NEARLY_ALL = 0.995
_MODES = {"L": "grey", "1": "black and white", "P": "palette", "LA": "grey with alpha"}


_NO_SIGNAL = {
    "silent": "Silent: there is nothing to classify.",
    "blank": "Blank: there is nothing to classify.",
    "blank_centre": "Blank in its centre square, which is read: there is nothing to classify.",
    "too_short": "Too short: there is nothing to classify.",
    "no_extent": f"A point, a line, a flat polygon or fewer than {MIN_POINTS} distinct points: "
    "there is nothing to classify.",
}


def signal_in_words(signal: str) -> str:
    """The reason why there is nothing to classify, as a sentence; empty if there is a signal."""
    return _NO_SIGNAL.get(signal, "")


def read_in_words(result: Classification) -> str:
    """The part that was read, such as "the middle 57 % of the picture"; empty if it is all."""
    parts = []
    seconds, duration_s = result.read.get("seconds", 0.0), result.input.get("duration_s", 0.0)
    if seconds < NEARLY_ALL * duration_s:
        parts.append(f"{seconds:.3g} of {duration_s:.3g} s")
    if (area := result.read.get("area", 1.0)) < NEARLY_ALL:
        noun = "frames" if "seconds" in result.read else find_modality(result.modality).noun
        parts.append(f"the middle {area:.0%} of the {noun}".replace("%", " %"))
    return ", ".join(parts)


def input_in_words(modality: str, facts: dict[str, Any]) -> str:
    """The record's `input` of a modality as one phrase."""
    phrase: str = part(modality, "input_words")(facts)
    return phrase


def picture_in_words(facts: dict[str, Any]) -> str:
    """ "451x300 JPEG, grey"."""
    words = f"{facts['width']}x{facts['height']}"
    if "format" in facts:
        words += f" {facts['format']}"
    mode = facts.get("mode", "RGB")
    if mode != "RGB":
        words += f", {_MODES.get(mode, mode)}"
    if "exif_orientation" in facts:
        words += ", turned upright"
    if "frames" in facts:
        words += f", first of {facts['frames']} frames"
    return words


def sound_in_words(facts: dict[str, Any]) -> str:
    """ "4.0 s, 22 kHz stereo"."""
    hertz = facts["sample_rate"]
    rate = f"{hertz / 1000:.3g} kHz" if hertz >= 1000 else f"{hertz} Hz"
    channels = _CHANNELS.get(facts["channels"], f"{facts['channels']} channels")
    words = f"{seconds_in_words(facts['duration_s'])}, {rate} {channels}"
    return words + _track_in_words(facts)


def shape_in_words(facts: dict[str, Any]) -> str:
    """ "mesh of 96 faces, 2 x 2 x 12, z up"."""
    extent = " x ".join(f"{v:.3g}" for v in facts["extent"])
    if facts["kind"] == "cloud":
        return f"cloud of {facts['vertices']:,} points, {extent}, {facts['up']} up"
    return f"mesh of {facts['faces']:,} faces, {extent}, {facts['up']} up"


def video_in_words(facts: dict[str, Any]) -> str:
    """ "320x240, 2.0 s, 25 frames/s, with sound"."""
    fps = f", {facts['fps']:.3g} frames/s" if facts.get("fps") else ""
    sound = "with sound" if facts.get("sound") else "no sound"
    size = f"{facts['width']}x{facts['height']}"
    words = f"{size}, {seconds_in_words(facts['duration_s'])}{fps}, {sound}"
    return words + _track_in_words(facts)


def _track_in_words(facts: dict[str, Any]) -> str:
    tracks = facts.get("sound_tracks", 1)
    return f", one of {tracks} sound tracks" if tracks > 1 else ""
