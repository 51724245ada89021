"""Events of one sound or film in formats of other programs: Audacity labels, WebVTT, SubRip."""

from __future__ import annotations

from typing import IO, Any

from perceiver_cli.choices import Format
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import MODALITIES
from perceiver_cli.report.words import clock_parts, display_path, escape_controls
from perceiver_cli.results import Classification, Result

# Formats that hold the events of a single file.
OF_ONE_FILE = (Format.audacity, Format.vtt, Format.srt)


class TimelineWriter:
    """The events of one file, in one of the formats OF_ONE_FILE; none if it failed."""

    def __init__(self, stream: IO[str], format: Format) -> None:
        self.stream = stream
        self._lines = {
            Format.audacity: audacity_labels,
            Format.vtt: webvtt,
            Format.srt: subrip,
        }[format]
        self._format = format
        self._written = False

    def begin(self) -> None:
        """Writes nothing before the events."""

    def write(self, result: Result) -> None:
        """Writes the events. Raises UsageError for a second file, or one without time."""
        if self._written:
            raise UsageError(f"{self._format} supports a single sound or video; give one file")
        self._written = True
        if result.ok:
            if "duration_s" not in result.input:
                noun = MODALITIES[result.modality].noun
                raise UsageError(
                    f"{self._format} supports only sounds and videos; "
                    f"{display_path(result.path)} is a {noun}"
                )
            self.stream.write(self._lines(result))
            self.stream.flush()

    def end(self) -> None:
        """Writes nothing after the events."""


def has_events(result: Classification, format: Format | str) -> bool:
    """Whether a file of this format contains any event of a result.

    Args:
        result: The result.
        format: One of OF_ONE_FILE.
    """
    return bool(result.events if format is Format.audacity else _heard(result))


def audacity_labels(result: Classification) -> str:
    """One line per event: start, end, label, separated by tabs, in seconds (Audacity's manual)."""
    return "".join(
        f"{event['start_s']:.6f}\t{event['end_s']:.6f}\t{escape_controls(event['label'])}\n"
        for event in result.events
    )


def webvtt(result: Classification) -> str:
    """Cues with labels as text (W3C WebVTT). Silence has none."""
    cues = (
        f"{_clock(event['start_s'], '.')} --> {_clock(event['end_s'], '.')}\n{_escaped(event)}\n\n"
        for event in _heard(result)
    )
    return "WEBVTT\n\n" + "".join(cues)


def subrip(result: Classification) -> str:
    """Numbered subtitles with labels as text. Silence has none."""
    return "".join(
        f"{number}\n{_clock(event['start_s'], ',')} --> {_clock(event['end_s'], ',')}\n"
        f"{escape_controls(event['label'])}\n\n"
        for number, event in enumerate(_heard(result), 1)
    )


def _heard(result: Classification) -> list[dict[str, Any]]:
    return [event for event in result.events if event["id"] is not None]


def _escaped(event: dict[str, Any]) -> str:
    text = escape_controls(event["label"])
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: float, point: str) -> str:
    """ "01:02:03.500"."""
    hours, minutes, whole, milliseconds = clock_parts(seconds, 1000)
    return f"{hours:02}:{minutes:02}:{whole:02}{point}{milliseconds:03}"
