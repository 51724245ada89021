"""Pictures: any still image that Pillow reads, or an array, as upright 8-bit RGB."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.arrays import choose_array, read_array
from perceiver_cli.media.failures import failing_as, hush_libraries
from perceiver_cli.media.limits import MAX_PIXELS, most
from perceiver_cli.media.pixels import check_size, to_8_bit, to_rgb
from perceiver_cli.media.types import Picture, Source

if TYPE_CHECKING:
    from PIL import Image

# Only the decoder of the detected format is tried, so content never picks an odd Pillow plugin.
PILLOW_FORMATS: dict[str, tuple[str, ...]] = {
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "webp": ("WEBP",),
    "bmp": ("BMP",),
    "tiff": ("TIFF",),
    "gif": ("GIF",),
    "avif": ("AVIF",),
    "ppm": ("PPM",),
    "jp2": ("JPEG2000",),
    "heic": ("HEIF",),
}

_ORIENTATION_TAG = 0x0112

# Beyond so many pixels a decoded picture is reduced at once, in the modes that Pillow can reduce:
# every step after that holds another copy.
_LARGE = 2**24
_REDUCIBLE = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"})


def load_picture(source: Source, format: str, at_least: int | None = None) -> Picture:
    """The picture in a file, upright, transparency composited over white.

    format is detect's name for it. at_least permits a reduced decode, of a JPEG or of a very large
    picture, whose shorter side stays at least that many pixels; width and height are always those
    of the full upright picture. Of an animation or a file of several pages this is the first.
    Raises InputError: "too_large" beyond MAX_PIXELS (before anything is allocated), "corrupt"
    if the file is cut off or damaged, "unsupported" if Pillow cannot read this variant.
    """
    hush_libraries()
    if format in ("npy", "npz"):
        return _array_picture(source, format)
    from PIL import ImageOps

    with source.open() as stream, open_picture(stream, format) as picture:
        check_size(*picture.size)
        width, height = picture.size
        facts = _facts(picture)
        with failing_as("corrupt", f"the {picture.format} data is cut off or damaged"):
            if at_least is not None and format == "jpeg":
                picture.draft(None, (at_least, at_least))
            picture.load()
        with failing_as("unsupported", f"colours in mode {picture.mode} cannot be turned to RGB"):
            rotated = "exif_orientation" in facts
            upright = ImageOps.exif_transpose(picture) if rotated else picture
            if upright.size != picture.size:
                width, height = height, width
            pixels = np.asarray(to_rgb(_reduced(upright, at_least) if at_least else upright))
        return Picture(pixels, width, height, facts)


def open_picture(stream: Any, format: str) -> Image.Image:
    """Pillow's picture for an open stream, not decoded yet. Raises InputError."""
    from PIL import Image, UnidentifiedImageError

    # Pillow refuses twice this many; usually that is its own choice too.
    Image.MAX_IMAGE_PIXELS = (MAX_PIXELS + 1) // 2
    try:
        with failing_as("corrupt", f"the {format.upper()} header is cut off or damaged"):
            return Image.open(stream, formats=PILLOW_FORMATS[format])
    except InputError as error:
        if isinstance(error.__cause__, Image.DecompressionBombError):
            raise InputError("too_large", f"too many pixels: {most('MAX_PIXELS')}") from None
        if isinstance(error.__cause__, UnidentifiedImageError) and format == "tiff":
            raise InputError(
                "unsupported", "this variant of TIFF cannot be read; save it as 8-bit RGB"
            ) from None
        raise


def _reduced(picture: Image.Image, at_least: int) -> Image.Image:
    """A very large picture by whole factors smaller, its shorter side still `at_least` pixels."""
    factor = min(picture.size) // at_least
    if picture.width * picture.height <= _LARGE or factor < 2 or picture.mode not in _REDUCIBLE:
        return picture
    return picture.reduce(factor)


def _facts(picture: Image.Image) -> dict[str, Any]:
    facts: dict[str, Any] = {"format": picture.format, "mode": picture.mode}
    # Damaged EXIF data or later frames are no reason to refuse a picture whose pixels are fine.
    with suppress(Exception):
        orientation = picture.getexif().get(_ORIENTATION_TAG)
        if orientation in range(2, 9):
            facts["exif_orientation"] = orientation
    with suppress(Exception):
        if picture.format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF") and picture.n_frames > 1:
            facts["frames"] = picture.n_frames
    return facts


def _array_picture(source: Source, format: str) -> Picture:
    modality, header = choose_array(source, format)
    if modality != "image":
        raise InputError("unsupported", f"an {header} is not a picture")
    height, width = header.shape[:2]
    check_size(width, height)
    pixels = to_8_bit(read_array(source, format, header))
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        pixels = np.repeat(pixels.reshape(height, width, 1), 3, axis=2)
    elif pixels.shape[2] == 4:
        from PIL import Image

        pixels = np.asarray(to_rgb(Image.fromarray(np.ascontiguousarray(pixels), "RGBA")))
    facts = {"format": format.upper(), "mode": str(header.dtype)}
    return Picture(np.ascontiguousarray(pixels), width, height, facts)
