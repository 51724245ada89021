"""Detection of file types from content; the name decides only if the content is ambiguous."""

from __future__ import annotations

from typing import BinaryIO

from perceiver_cli.detect.arrays import detect_archive, detect_array
from perceiver_cli.detect.containers import detect_container, detect_sound_file
from perceiver_cli.detect.detection import MEDIA, OTHER, Detection, Kind, unread
from perceiver_cli.detect.mpeg import (
    after_id3,
    buried_frames_format,
    frames_format,
    is_transport_stream,
)
from perceiver_cli.detect.others import binary_kind
from perceiver_cli.detect.pictures import detect_picture, find_loose_picture
from perceiver_cli.detect.shapes import binary_stl_state, detect_binary_shape
from perceiver_cli.detect.signatures import Family, find_signature
from perceiver_cli.detect.text import text_kind
from perceiver_cli.errors import EMPTY_FILE, InputError, NotMediaError
from perceiver_cli.media.containers import DEMUXERS
from perceiver_cli.media.source import Source
from perceiver_cli.media.text import decoded_head
from perceiver_cli.modalities import MODALITIES, part

__all__ = ["Detection", "detect"]

_HEAD = 2**16 + 1

# Formats whose files may begin with any bytes, so that only the name identifies them.
_BY_NAME = {
    "mp3": "mp3",
    "aac": "aac",
    "mpg": "mpeg",
    "mpeg": "mpeg",
    "vob": "mpeg",
    "m1v": "mpegvideo",
    "m2v": "mpegvideo",
    "ts": "ts",
    "mts": "ts",
    "m2ts": "ts",
    "h264": "h264",
    "264": "h264",
    "h265": "hevc",
    "265": "hevc",
    "hevc": "hevc",
}

_FRAMES = {"mp3": "MP3", "aac": "ADTS AAC", "ac3": "AC-3", "eac3": "Enhanced AC-3"}

# Extensions of media files, for the message about content that is not media.
_OTHER_ENDINGS = """
avif bmp gif heic heif jp2 jpeg jpg jxl pbm pgm png pnm ppm psd tga tif tiff webp
ac3 aif aiff amr ape au caf eac3 flac m4a mka oga ogg opus w64 wav wma
3gp asf avi flv m4v mkv mov mp4 ogv webm wmv
glb gltf npy npz obj off pcd ply pts ptx stl xyz
"""
_ENDINGS = frozenset((*_BY_NAME, *_OTHER_ENDINGS.split()))

# Formats of bare numbers.
_SPLATS = frozenset({"splat", "ksplat"})

_WANTED = "; perceiver reads pictures, sounds, 3D shapes and videos"


def detect(source: Source) -> Detection:
    """Detects the modality and format of a source.

    Only a small part of the file is read, but all of a JSON file.

    Raises InputError: "empty" for a file without bytes, "unsupported" for anything but pictures,
    sounds, 3D shapes and videos (the message says what it looks like), "corrupt" for a container
    whose streams cannot be read, "unreadable" if the file cannot be opened.
    """
    with source.open() as stream:
        head = _read(stream)
        if not head:
            raise InputError("empty", EMPTY_FILE)
        size = stream.seek(0, 2)
        signature = find_signature(head)
        if signature is None:
            return _detect_unsigned(source, stream, head, size)
    if signature.family is Family.UNSUPPORTED:
        raise InputError("unsupported", signature.label)
    if signature.family is Family.PICTURE:
        return detect_picture(source, signature)
    if signature.family is Family.SOUND:
        return detect_sound_file(signature)
    if signature.family is Family.CONTAINER:
        return detect_container(source, signature.format, signature.label)
    if signature.family is Family.SHAPE:
        return detect_binary_shape(source, signature)
    if signature.family is Family.ARRAY:
        return detect_array(source, signature.format)
    return detect_archive(source)


def _detect_unsigned(source: Source, stream: BinaryIO, head: bytes, size: int) -> Detection:
    """Detects content without a fixed signature: tagged or bare frames, binary STL, text, names."""
    if head.startswith(b"ID3"):
        return _detect_tagged(source, stream)
    stl = binary_stl_state(head, size)
    if stl == "exact":
        return Detection("pointcloud", "stl", "binary STL: triangle count fits the file size")
    picture = find_loose_picture(stream, head, size, source.suffix)
    if picture:
        return detect_picture(source, picture)
    looks = binary_kind(head)
    if looks:
        raise unread(looks, _WANTED)
    bare = frames_format(head)
    if bare:
        return detect_container(source, bare, f"{_FRAMES[bare]} frames")
    if is_transport_stream(head):
        return detect_container(source, "ts", "MPEG transport stream")
    text, _ = decoded_head(head)
    if text:
        return _detect_text(source, text)
    return _detect_by_name(source, stream, head, stl)


def _detect_text(source: Source, text: str) -> Detection:
    """Detects text: the first modality whose detector recognises it."""
    for row in MODALITIES.values():
        if row.text_detector:
            found: Detection | None = part(row.name, "text_detector")(source, text)
            if found is not None:
                return found
    raise unread(text_kind(text), _WANTED)


def _detect_tagged(source: Source, stream: BinaryIO) -> Detection:
    stream.seek(0)
    behind = after_id3(stream)
    if not behind:
        raise InputError("corrupt", "cut off: an ID3 tag without any sound after it")
    signature = find_signature(behind)
    if signature and signature.family is Family.SOUND:
        return Detection("audio", signature.format, f"ID3 tag, then a {signature.label}")
    format = frames_format(behind) or "mp3"
    return detect_container(source, format, f"{_FRAMES[format]} with an ID3 tag")


def _detect_by_name(source: Source, stream: BinaryIO, head: bytes, stl: str | None) -> Detection:
    suffix = source.suffix
    if suffix == "stl" and stl:
        if stl == "short":
            raise InputError("corrupt", "cut off: fewer triangles than the STL header states")
        return Detection("pointcloud", "stl", "binary STL by its name")
    format = _BY_NAME.get(suffix)
    if format in DEMUXERS:
        try:
            return detect_container(source, format, f"{format.upper()} by its name (no header)")
        except InputError:
            pass
    buried = buried_frames_format(stream, head)
    if buried:
        return detect_container(source, buried, f"{_FRAMES[buried]} frames behind other data")
    if not head.strip(b"\0"):
        if suffix == "tar":  # which ends in zeros
            raise unread(Kind("an empty tar archive", OTHER))
        raise InputError("corrupt", "begins with zero bytes only, as after a failed download")
    if suffix in _SPLATS:
        raise unread(Kind("a Gaussian splat (export it as PLY)", MEDIA))
    named = f", although its name ends in .{suffix}" if suffix in _ENDINGS else ""
    raise NotMediaError("unsupported", f"unknown binary data{named}{_WANTED}")


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_HEAD)
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise InputError("unreadable", f"cannot be read: {reason}") from None
