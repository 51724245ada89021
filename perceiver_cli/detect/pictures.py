"""Pictures: still or moving, raw photos, and formats that have no real signature."""

from __future__ import annotations

from typing import BinaryIO

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Family, Signature
from perceiver_cli.detect.tiff import is_raw_photo
from perceiver_cli.errors import InputError
from perceiver_cli.media.pillow import decoding, open_picture
from perceiver_cli.media.pillow_settings import quiet_pillow
from perceiver_cli.media.source import Source

_ANIMATED = frozenset({"gif", "webp", "png", "avif"})

# Extensions of raw photos that begin like any TIFF file.
_RAW_NAMES = frozenset(
    (
        *("3fr", "arw", "cr2", "dcr", "dng", "erf", "fff", "iiq", "k25", "kdc", "mef", "mos"),
        *("nef", "nrw", "pef", "ptx", "rwl", "sr2", "srf", "srw"),
    )
)

_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
_TGA_HEADER = 18
_TGA_TYPES = frozenset({1, 2, 3, 9, 10, 11})
_TGA_DEPTHS = frozenset({8, 15, 16, 24, 32})
_PCX_DEPTHS = frozenset({1, 2, 4, 8})
_ICON_ENTRY = 16


@quiet_pillow
def detect_picture(source: Source, signature: Signature) -> Detection:
    """A still picture, or a video if it is animated.

    Args:
        source: The file.
        signature: Its picture signature.

    Returns:
        "video" for more than one frame in a format that can be animated, else "image".

    Raises:
        InputError: "unsupported" for raw photos, otherwise as open_picture raises it.
    """
    format = signature.format
    if format == "tiff":
        _check_raw(source)
    if format == "heic":
        with source.open() as stream, open_picture(stream, format):
            pass
    if format in _ANIMATED and _is_animated(source, format):
        return Detection("video", format, f"animated {signature.label.removesuffix(' header')}")
    return Detection("image", format, signature.label)


def find_loose_picture(stream: BinaryIO, head: bytes, size: int, suffix: str) -> Signature | None:
    """A picture whose format has no signature of its own.

    Args:
        stream: The file, at any position.
        head: Its beginning.
        size: Its length in bytes.
        suffix: Its name's extension, without the dot.

    Returns:
        The signature of an icon, a PCX or a TGA file, or None.
    """
    if _is_icon(head, size):
        return Signature(Family.PICTURE, "ico", "icon header")
    if _is_pcx(head):
        return Signature(Family.PICTURE, "pcx", "PCX header")
    stream.seek(max(0, size - len(_TGA_FOOTER)))
    ends_as_tga = stream.read() == _TGA_FOOTER
    if (ends_as_tga or suffix in ("tga", "icb", "vda", "vst")) and _is_tga(head):
        return Signature(Family.PICTURE, "tga", "TGA header")
    return None


def _is_animated(source: Source, format: str) -> bool:
    with (
        source.open() as stream,
        open_picture(stream, format) as picture,
        decoding(format),
    ):
        if not getattr(picture, "is_animated", False):
            return False
        # The default picture of a PNG need not be part of its animation.
        frames: int = getattr(picture, "n_frames", 1)
        return format != "png" or frames - bool(getattr(picture, "default_image", False)) > 1


def _check_raw(source: Source) -> None:
    with source.open() as stream:
        raw = is_raw_photo(stream)
    if raw or source.suffix in _RAW_NAMES:
        raise InputError("unsupported", "looks like a camera's raw photo; export it as JPEG")


def _is_icon(head: bytes, size: int) -> bool:
    count = int.from_bytes(head[4:6], "little")
    if head[:4] != b"\0\0\1\0" or not 1 <= count <= 256 or len(head) < 6 + _ICON_ENTRY:
        return False
    entry = head[6 : 6 + _ICON_ENTRY]
    length, start = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:], "little")
    return 0 < length < size and 6 + count * _ICON_ENTRY <= start < size


def _is_pcx(head: bytes) -> bool:
    if len(head) < 128 or head[0] != 0x0A or head[1] not in (0, 2, 3, 4, 5) or head[2] > 1:
        return False
    left, top, right, bottom = (int.from_bytes(head[i : i + 2], "little") for i in (4, 6, 8, 10))
    planes = head[65]
    return head[3] in _PCX_DEPTHS and 1 <= planes <= 4 and left <= right and top <= bottom


def _is_tga(head: bytes) -> bool:
    if len(head) < _TGA_HEADER:
        return False
    width, height = (int.from_bytes(head[i : i + 2], "little") for i in (12, 14))
    return (
        head[1] in (0, 1)
        and head[2] in _TGA_TYPES
        and head[16] in _TGA_DEPTHS
        and width > 0
        and height > 0
    )
