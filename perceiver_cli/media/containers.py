"""Reading containers with PyAV: opening, streams, durations, decoding in time order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perceiver_cli.errors import InputError
from perceiver_cli.media.failures import SafeSeekStream, to_input_error
from perceiver_cli.media.limits import MAX_RATE
from perceiver_cli.media.types import Source

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

# Demuxers that guess a stream's duration from a few packets; the file's duration is better.
_STREAM_LENGTH_GUESSED = frozenset({"mpeg", "mpegts"})

# FFmpeg reports more streams than this as a lack of memory.
_MOST_STREAMS = 1000
_NO_ROOM = f"needs too much memory, or holds more than {_MOST_STREAMS:,} streams"

# Longer extents come from damaged or missing timestamps.
_LONGEST_S = 30 * 86_400.0

# Frames per second; others are damage.
_SLOWEST, _USUAL, _FASTEST = 1e-4, 25, 1e5


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


@dataclass(frozen=True)
class Extent:
    """The time span of a stream on the container's clock, in seconds.

    start_s: the time of its first frame; last_s: of its last frame; end_s: the end of that frame.
    timed: False if the stream has no timestamps (frames are then counted).
    """

    start_s: float
    last_s: float
    end_s: float
    timed: bool = True

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def frame_rate(stream: Any) -> float | None:
    """Mean frames per second; None if the file does not state it, or states an absurd one."""
    rate = _stated_rate(stream)
    return float(rate) if _is_plausible(rate) else None


def frame_length(stream: Any) -> float:
    """Mean duration in seconds of a frame of pictures (1/25 without a frame rate)."""
    rate = _stated_rate(stream)
    return float(1 / rate) if _is_plausible(rate) else 1 / _USUAL


def _stated_rate(stream: Any) -> Any:
    """A fraction; 0 without one."""
    return stream.average_rate or stream.guessed_rate or 0


def _is_plausible(rate: Any) -> bool:
    return bool(_SLOWEST <= rate <= _FASTEST)


def _has_absurd_rate(stream: Any) -> bool:
    rate = _stated_rate(stream) if stream.type == "video" else 0
    return bool(rate) and not _is_plausible(rate)


def start_of(stream: Any) -> float:
    """The start of a stream on the container's clock, in seconds."""
    return float(stream.start_time * stream.time_base) if stream.start_time else 0.0


def stated_extent(container: InputContainer, stream: Any) -> Extent | None:
    """The extent stated in the header; None without a plausible one."""
    start = start_of(stream)
    if stream.duration and container.format.name not in _STREAM_LENGTH_GUESSED:
        duration = float(stream.duration * stream.time_base)
    elif container.duration:
        duration = container.duration / 1e6
    else:
        return None
    if duration > _LONGEST_S or _has_absurd_rate(stream):
        return None
    length = frame_length(stream) if stream.type == "video" else 0.0
    return Extent(start, start + max(0.0, duration - length), start + duration)


def measured_extent(container: InputContainer, stream: Any) -> Extent | None:
    """The extent found by reading all packets without decoding them; None if there are none.

    Timestamps that span months, or are those of an absurd frame rate, are not believed: frames are
    then counted.
    """
    length = frame_length(stream) if stream.type == "video" else 0.0
    first, last, end = math.inf, -math.inf, -math.inf
    count = 0
    for packet in packets_of(container, stream):
        if not packet.size:
            continue
        count += 1
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            continue
        tick = packet.time_base
        time = stamp * tick.numerator / tick.denominator
        lasts = packet.duration * tick.numerator / tick.denominator or length
        first, last, end = min(first, time), max(last, time), max(end, time + lasts)
    if not count:
        return None
    if first > last or end - first > _LONGEST_S or _has_absurd_rate(stream):
        return Extent(0.0, (count - 1) * length, count * length, timed=False)
    return Extent(first, last, end)


def frames_from(
    container: InputContainer, stream: Any, start_s: float, extent: Extent
) -> Iterator[tuple[float, Any]]:
    """Decoded frames with their times on the container's clock, from start_s or somewhat before.

    Frames without a timestamp follow the one before at the average rate. Damaged packets are
    left out; the iteration ends where nothing more can be read.
    """
    if extent.timed and start_s > extent.start_s:
        with _ignore_damage():
            container.seek(int(start_s / stream.time_base), stream=stream)
    clock = extent.start_s
    for packet in packets_of(container, stream):
        frames: list[Any] = []
        with _ignore_damage():
            frames = packet.decode()
        for frame in frames:
            time = clock if frame.time is None or not extent.timed else frame.time
            yield time, frame
            clock = time + (
                frame_length(stream)
                if stream.type == "video"
                else frame.samples / (frame.sample_rate or 1)
            )


def packets_of(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The packets of a stream that can be read; the last one is empty.

    It ends where a damaged field claims more than fits into memory.
    """
    packets = container.demux(stream)
    while True:
        packet = None
        try:
            with _ignore_damage(lack_of_memory=False):
                packet = next(packets, None)
        except IndexError:
            # A packet of a stream that appeared midway, which PyAV does not know: skipped.
            packets = container.demux(stream)
            continue
        if packet is None:
            return
        yield packet


@contextmanager
def _ignore_damage(lack_of_memory: bool = True) -> Iterator[None]:
    """Ignores damage; lack_of_memory: whether FFmpeg's is reported."""
    import av

    try:
        yield
    except MemoryError as error:
        if not lack_of_memory and isinstance(error, av.FFmpegError):
            return
        raise InputError("too_large", "needs more memory than this machine has") from error
    except (av.FFmpegError, OSError, ValueError, RuntimeError):
        # In truncated and damaged files, all other packets that can be decoded are used.
        return
