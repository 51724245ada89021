"""Pictures: any still image that Pillow reads, or an array, as upright 8-bit RGB."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.arrays import choose_array, read_array
from perceiver_cli.media.deep_colour import is_deep, restore_depth
from perceiver_cli.media.jpeg import note_missing_rows
from perceiver_cli.media.jpeg2000 import REPAIRED
from perceiver_cli.media.large_inputs import take_memory
from perceiver_cli.media.pillow import (
    check_memory,
    decoding,
    ignore_undeclared_alpha,
    open_picture,
    peak_bytes,
    restore_palette,
)
from perceiver_cli.media.pillow_settings import quiet_pillow
from perceiver_cli.media.pixels import (
    check_size,
    gaps_of,
    gaps_of_picture,
    reduction_of,
    to_8_bit,
    to_rgb_array,
)
from perceiver_cli.media.source import Source
from perceiver_cli.media.tiff import missing_pages
from perceiver_cli.media.types import Picture

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION_TAG = 0x0112

_REPAIRABLE = frozenset({"jpeg", "jp2"})

_MULTIPLE = frozenset({"GIF", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"})


@quiet_pillow
def load_picture(source: Source, format: str, at_least: int | None = None) -> Picture:
    """The picture in a file, upright, transparency composited over white.

    Of an animation or a file of several pages this is the first. A truncated JPEG is read as far as
    it goes, and a JPEG 2000 with faulty headers is repaired, each with a note. Missing pages of a
    TIFF give a note too.

    Args:
        source: The file.
        format: detect's name for its format.
        at_least: Permits a reduced decode, of a JPEG or of a very large picture, whose shorter
            side stays at least that many pixels. Width and height of the result are always those
            of the full upright picture.

    Returns:
        The picture.

    Raises:
        InputError: "too_large" beyond MAX_PIXELS (before anything is allocated), "corrupt" if the
            file is damaged, "unsupported" for a variant that cannot be read, "missing_library"
            for HEIC without pillow-heif.
    """
    if format in ("npy", "npz"):
        return _array_picture(source, format)
    try:
        return _load(source, format, at_least)
    except InputError as error:
        if format not in _REPAIRABLE or error.kind != "corrupt":
            raise
    return _load(source, format, at_least, repaired=True)


def exif_orientation(picture: Image.Image) -> int:
    """The EXIF orientation in which a picture is stored, 1 to 8.

    Raises:
        InputError: Of a PNG, whose pixels are decoded for it, as load_picture.
    """
    if picture.format == "PNG":
        # Pillow decodes the pixels of a PNG first, and reports damage in them only once.
        with decoding("png"):
            picture.load()
    # Damaged EXIF data does not matter if the pixels are intact.
    with suppress(Exception):
        orientation = picture.getexif().get(_ORIENTATION_TAG)
        if isinstance(orientation, int) and 1 <= orientation <= 8:
            return orientation
    return 1


def _load(source: Source, format: str, at_least: int | None, repaired: bool = False) -> Picture:
    with source.open() as stream, open_picture(stream, format, repaired) as picture:
        check_memory(picture, format)
        width, height = picture.size
        if at_least is not None and format == "jpeg":
            picture.draft(None, (at_least, at_least))
        take_memory(peak_bytes(picture, format))
        deep = is_deep(picture)
        facts = _facts(picture)
        with decoding(format):
            picture.load()
            restore_palette(picture)
            if deep:
                restore_depth(picture, source, format)
            if format == "tga":
                ignore_undeclared_alpha(picture, stream)
        # Pillow's TIFF decoder turns the picture upright when it is loaded.
        orientation = exif_orientation(picture)
        if format != "jpeg":
            width, height = picture.size
        notes = _repairs(picture, format) if repaired else ()
        factor = reduction_of(picture, at_least) if at_least else 1
        with decoding(format):
            pixels = to_rgb_array(picture, orientation, factor)
            notes += gaps_of_picture(picture)
        facts |= _frames(picture)
        if format == "tiff":
            notes += missing_pages(stream)
    if orientation >= 5:
        width, height = height, width
    return Picture(pixels, width, height, facts, notes)


def _repairs(picture: Image.Image, format: str) -> tuple[str, ...]:
    return (note_missing_rows(picture) if format == "jpeg" else REPAIRED,)


def _facts(picture: Image.Image) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": picture.format, "mode": picture.mode}
    orientation = exif_orientation(picture)
    if orientation > 1:
        facts["exif_orientation"] = orientation
    return facts


def _frames(picture: Image.Image) -> dict[str, int]:
    """The number of frames, if there are several. Damaged ones leave the picture at any of them."""
    with suppress(Exception):
        frames = getattr(picture, "n_frames", 1)
        if picture.format in _MULTIPLE and frames > 1:
            return {"frames": frames}
    return {}


def _array_picture(source: Source, format: str) -> Picture:
    modality, header = choose_array(source, format)
    if modality != "image":
        raise InputError("unsupported", f"an {header} is not a picture")
    height, width = header.shape[:2]
    check_size(width, height)
    values = read_array(source, format, header)
    notes = gaps_of(values)
    pixels = to_8_bit(values)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(height, width, 1), 3, axis=2)
    elif pixels.shape[2] == 4:
        from PIL import Image

        pixels = to_rgb_array(Image.fromarray(np.ascontiguousarray(pixels), "RGBA"))
    facts = {"format": format.upper(), "mode": str(header.dtype)}
    return Picture(np.ascontiguousarray(pixels), width, height, facts, notes)
