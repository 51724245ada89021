"""Still or moving: pictures whose formats may hold several frames."""

from __future__ import annotations

from perceiver_cli.detect.detection import Detection
from perceiver_cli.detect.signatures import Signature
from perceiver_cli.errors import InputError
from perceiver_cli.media.failures import failing_as, hush_libraries
from perceiver_cli.media.image import open_picture
from perceiver_cli.media.types import Source

_ANIMATED = frozenset({"gif", "webp", "png", "avif"})


def detect_picture(source: Source, signature: Signature) -> Detection:
    """image, or video if the format can be animated and holds more than one frame."""
    format = signature.format
    if format == "heic":
        _check_heic(source)
    if format in _ANIMATED and _is_animated(source, format):
        return Detection("video", format, f"animated {signature.label.removesuffix(' header')}")
    return Detection("image", format, signature.label)


def _is_animated(source: Source, format: str) -> bool:
    hush_libraries()
    with (
        source.open() as stream,
        open_picture(stream, format) as picture,
        failing_as("corrupt", f"the {format.upper()} data is cut off or damaged"),
    ):
        if not picture.is_animated:
            return False
        # A PNG's default picture may stand outside its animation.
        return format != "png" or picture.n_frames - bool(picture.default_image) > 1


def _check_heic(source: Source) -> None:
    try:
        with source.open() as stream, open_picture(stream, "heic"):
            return
    except InputError:
        raise InputError(
            "unsupported", "looks like a HEIC photo, which cannot be read; export it as JPEG"
        ) from None
