"""Videos: frames chosen by presentation time, with the sound of the same interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from perceiver_cli.array_types import Float32Array
from perceiver_cli.errors import InputError
from perceiver_cli.media.animation import ANIMATION_FORMATS, load_animation
from perceiver_cli.media.audio import finite, resample
from perceiver_cli.media.codecs import undecodable
from perceiver_cli.media.containers import (
    has_sound,
    open_container,
    picture_stream,
    sound_stream,
)
from perceiver_cli.media.cut_off import cut_off_note
from perceiver_cli.media.extents import (
    Extent,
    extended_to,
    frame_length,
    frame_rate,
    measured_extent,
    start_of,
    stated_extent,
    states_length,
)
from perceiver_cli.media.frames import frame_times
from perceiver_cli.media.large_inputs import take_memory
from perceiver_cli.media.limits import MAX_PIXELS
from perceiver_cli.media.matroska import streams_that_end_early
from perceiver_cli.media.mixing import to_mono
from perceiver_cli.media.mpeg_clock import joined_note
from perceiver_cli.media.packets import Damage
from perceiver_cli.media.pixels import check_size
from perceiver_cli.media.samplebuffer import decode_samples
from perceiver_cli.media.screen import FrameRequest, decode_frames
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.types import Video, VideoWindow
from perceiver_cli.media.windows import choose_windows

# Decoders keep reference frames: 44 bytes per pixel were measured for the maximum of H.264 (16
# frames of 1.5 bytes and those in progress), while a still picture takes 10. Other codecs permit 6
# to 8 reference frames at sizes near the limit; the decoder of AV1 (dav1d) holds more.
_LIMIT_SHARE, _LIMIT_BYTES = 5, 39
_FRAMES_HELD, _FRAMES_USUALLY_HELD = {"h264": 29, "libdav1d": 14}, 12
_USUAL_BYTES = 1.5

# Number and share of frames that may be missing from a complete AVI file.
_MIN_LOST, _MIN_LOST_SHARE = 3, 0.01


def load_video(source: Source, format: str, spec: VideoSpec) -> Video:
    """Windows of a video or an animated picture; see VideoSpec for which and VideoWindow for what.

    A video longer than spec.window_s gives evenly spaced windows, reached by seeking; a shorter one
    gives one window. A video ends with its pictures or its sound, whichever is longer; the last
    frame stays on screen. If the sound is not read, it ends with its pictures. The frames of a
    window are those on screen at evenly spaced times, at any frame rate; if there are fewer frames,
    they repeat. Sound is mono at spec.sound_rate, exactly as long as the window, silent if the file
    has none.

    Args:
        source: The file.
        format: detect's name for its format.
        spec: Which windows and frames to load.

    Returns:
        The video.

    Raises:
        InputError: "unsupported" without moving pictures that can be decoded, "too_large" beyond
            a fifth of MAX_PIXELS or less, "corrupt" if no frame can be decoded.
    """
    if format in ANIMATION_FORMATS:
        return load_animation(source, format, spec)
    notes = cut_off_note(source, format, "film")
    lost = frozenset[str]() if notes else streams_that_end_early(source, format)
    with open_container(source, format) as container:
        stream = picture_stream(container)
        if stream is None:
            raise InputError("unsupported", "the file contains no video that can be decoded")
        decodable_sound = sound_stream(container) is not None
        hidden_sound = not decodable_sound and has_sound(container)
        tracks = len(container.streams.audio)
        check_size(stream.width, stream.height, max_frame_pixels(stream))
        take_memory(int(stream.width * stream.height * _bytes_a_pixel(stream)))
        length = frame_length(stream)
        fps = frame_rate(stream)
        pictures = stated = stated_extent(container, stream)
        # Short files are measured: it is cheap, and the exact last frame matters. The header of a
        # file that is cut off or damaged states its former length.
        if pictures is None or notes or lost or pictures.duration_s <= spec.window_s:
            pictures = measured_extent(container, stream)
    if pictures is None:
        raise InputError("corrupt", "no frame of the video can be decoded")
    windows, width, height = [], 0, 0
    damage = {"pictures": Damage(), "sound": Damage()}
    damage["pictures"].found, damage["sound"].found = "video" in lost, "audio" in lost
    # AVI has no timestamps, so lost frames make it shorter.
    if (
        format == "avi"
        and stated
        and not notes
        and stated.duration_s - pictures.duration_s
        > max(_MIN_LOST * length, _MIN_LOST_SHARE * stated.duration_s)
    ):
        damage["pictures"].found = True
    extent = pictures
    if spec.sound_rate is not None:
        extent = _to_end_of_sound(source, format, pictures, measured=pictures is not stated)
    chosen = choose_windows(extent.duration_s, spec.window_s, spec.max_windows, spec.coverage)
    for index, start in enumerate(chosen.starts, spec.coverage.first):
        span = min(spec.window_s, extent.duration_s)
        last = min(start + span - length, extent.last_s - extent.start_s)
        wanted = frame_times(start, max(start, last), spec.frames)
        request = FrameRequest(source, format, extent, wanted, spec.sides, damage["pictures"])
        found = decode_frames(request)
        if found is None:
            continue
        width, height = found.size
        heard = _decode_sound(source, format, extent, start, span, spec.sound_rate, damage["sound"])
        frames, *shown = found.pixels
        windows.append(VideoWindow(frames, found.times_s, start, index, heard, *shown))
    if not windows:
        raise InputError("corrupt", "no frame of the video can be decoded")
    if len(windows) < len(chosen.starts):
        missing = f"{len(chosen.starts) - len(windows)} of {len(chosen.starts)} windows"
        notes += (f"the film is cut off or damaged: {missing} cannot be decoded",)
    notes += tuple(f"parts of its {part} are damaged" for part in damage if damage[part].found)
    notes += joined_note(source, format, "film")
    if hidden_sound:
        notes += (undecodable(source, format, "sound"),)
    with_sound = any(window.sound is not None for window in windows)
    return Video(
        tuple(windows),
        width,
        height,
        fps,
        extent.duration_s,
        spec.sound_rate if with_sound else None,
        notes,
        chosen.total,
        chosen.read_whole,
        tracks if with_sound else 1,
        with_sound or (decodable_sound and spec.sound_rate is None),
    )


def _to_end_of_sound(source: Source, format: str, pictures: Extent, measured: bool) -> Extent:
    """The extent of the pictures, extended to the end of the sound; measured: theirs was."""
    with open_container(source, format) as container:
        stream = sound_stream(container)
        if stream is None:
            return pictures
        if measured:
            sound = measured_extent(container, stream)
        else:  # a duration of the whole file is already that of the pictures
            sound = stated_extent(container, stream) if states_length(container, stream) else None
    return extended_to(pictures, sound) if sound else pictures


def max_frame_pixels(stream: Any) -> int:
    """Maximum size of frames, so that the frames that the decoder keeps fit into memory."""
    return int(MAX_PIXELS // _LIMIT_SHARE * min(1.0, _LIMIT_BYTES / _bytes_a_pixel(stream)))


def _bytes_a_pixel(stream: Any) -> float:
    """Bytes per pixel of all frames together that the decoder keeps."""
    format = stream.codec_context.format
    bytes_a_pixel = max(_USUAL_BYTES, format.padded_bits_per_pixel / 8 if format else 0)
    return _FRAMES_HELD.get(stream.codec_context.name, _FRAMES_USUALLY_HELD) * bytes_a_pixel


def _decode_sound(
    source: Source,
    format: str,
    extent: Extent,
    start: float,
    span: float,
    to: int | None,
    damage: Damage,
) -> Float32Array | None:
    """The window's sound, float32 [round(span * to)], or None without decodable sound."""
    if to is None:
        return None
    with open_container(source, format) as container:
        stream = sound_stream(container)
        if stream is None:
            return None
        sound = Extent(start_of(stream), extent.last_s, extent.end_s)
        buffer = decode_samples(container, stream, sound, extent.start_s + start, span, damage)
    if not len(buffer.samples):
        return None
    made = resample(to_mono(finite(buffer.samples), buffer.bass), buffer.rate, to)
    result = np.zeros(round(span * to), np.float32)
    result[: len(made)] = made[: len(result)]
    return result
