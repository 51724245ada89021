"""Opening containers with PyAV, and choosing among their streams."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perceiver_cli.errors import InputError
from perceiver_cli.media.library_errors import SafeSeekStream, to_input_error
from perceiver_cli.media.limits import MAX_POSSIBLE_RATE, MAX_RATE, rate_text
from perceiver_cli.media.source import Source

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

# detect's format -> its demuxer. If FFmpeg chose by content, a playlist demuxer could open other
# files or addresses.
DEMUXERS = {
    "mp4": "mov",
    "m4a": "mov",
    "mov": "mov",
    "3gp": "mov",
    "mkv": "matroska",
    "webm": "matroska",
    "avi": "avi",
    "mpeg": "mpeg",
    "mpegvideo": "mpegvideo",
    "ts": "mpegts",
    "flv": "flv",
    "asf": "asf",
    "h264": "h264",
    "hevc": "hevc",
    "ogg": "ogg",
    "mp3": "mp3",
    "aac": "aac",
    "amr": "amr",
    "wav": "wav",
    "flac": "flac",
    "aiff": "aiff",
    "au": "au",
    "caf": "caf",
    "w64": "w64",
    "ac3": "ac3",
    "eac3": "eac3",
    "dts": "dts",
    "tta": "tta",
    "ape": "ape",
    "wavpack": "wv",
    "dsf": "dsf",
    "iff": "iff",
    "musepack": "mpc",
    "musepack8": "mpc8",
    "tak": "tak",
    "voc": "voc",
    "sphere": "nistsphere",
    "shorten": "shn",
    "rm": "rm",
    "mxf": "mxf",
    "y4m": "yuv4mpegpipe",
    "ivf": "ivf",
    "dv": "dv",
}

# FFmpeg reports more streams than this as a lack of memory.
_MAX_STREAMS = 1000
_NO_ROOM = f"needs too much memory, or contains more than {_MAX_STREAMS:,} streams"


@contextmanager
def open_container(source: Source, format: str) -> Iterator[InputContainer]:
    """PyAV's container for a source.

    Args:
        source: The file.
        format: A key of DEMUXERS.

    Yields:
        The container, at its beginning.

    Raises:
        InputError: "corrupt" if the demuxer of the format cannot read the file,
            "unsupported" for a variant that it does not support, "too_large" for too many
            streams.
    """
    import av

    with source.open() as stream:
        try:
            container = av.open(
                SafeSeekStream(stream), format=DEMUXERS[format], metadata_errors="replace"
            )
        except av.error.PatchWelcomeError as error:
            problem = f"this variant of {format.upper()} cannot be read"
            raise InputError("unsupported", problem) from error
        except MemoryError as error:
            raise InputError("too_large", _NO_ROOM, str(error)) from None
        except Exception as error:
            problem = f"the {format.upper()} container is cut off or damaged"
            raise to_input_error(error, "corrupt", problem) from error
        assert isinstance(container, av.container.InputContainer)
        with container:
            yield container


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The largest stream of moving pictures that can be decoded."""
    streams = [
        stream
        for stream in _moving(container)
        if stream.codec_context is not None and stream.codec_context.width > 0
    ]
    return max(streams, key=lambda each: each.width * each.height, default=None)


def has_pictures(container: InputContainer) -> bool:
    """Whether there are moving pictures, whether or not they can be decoded."""
    return bool(_moving(container))


def has_sound(container: InputContainer) -> bool:
    """Whether there is sound, whether or not it can be decoded."""
    return bool(container.streams.audio)


def check_rates(container: InputContainer) -> None:
    """Refuses sound that cannot be decoded because of its rate. Raises InputError("too_large")."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and MAX_RATE < context.sample_rate <= MAX_POSSIBLE_RATE:
            raise InputError("too_large", rate_text(context.sample_rate, context.channels))


def _moving(container: InputContainer) -> list[VideoStream]:
    """Streams of pictures, without cover art and thumbnails of chapters."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & still]


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The default stream of sound that can be decoded, else the first."""
    from av.stream import Disposition

    streams = [
        stream
        for stream in container.streams.audio
        if stream.codec_context is not None and 0 < stream.codec_context.sample_rate <= MAX_RATE
    ]
    return max(streams, key=lambda each: bool(each.disposition & Disposition.default), default=None)
