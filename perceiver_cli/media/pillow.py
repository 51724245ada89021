"""Opening pictures with Pillow, and its exceptions as InputErrors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from perceiver_cli.errors import InputError
from perceiver_cli.media import jpeg2000
from perceiver_cli.media.heif import unsupported_coding
from perceiver_cli.media.jpeg import append_end_marker, unsupported_process
from perceiver_cli.media.library_errors import to_input_error
from perceiver_cli.media.libtiff import unpacks
from perceiver_cli.media.limits import MAX_PIXELS, limit_text
from perceiver_cli.media.pixels import BITS_A_SAMPLE, check_size
from perceiver_cli.media.png import strip_ancillary_chunks
from perceiver_cli.media.tiff import is_cut_off

if TYPE_CHECKING:
    from PIL import Image

# Pillow's name of the format, and its plugin. Only the plugin of the detected format is tried, so
# content cannot choose a rare one. Plugins in plain Python that take minutes for a photo (QOI, DDS
# without compression) are left out.
_PLUGINS: dict[str, tuple[str, str]] = {
    "jpeg": ("JPEG", "Jpeg"),
    "png": ("PNG", "Png"),
    "webp": ("WEBP", "WebP"),
    "bmp": ("BMP", "Bmp"),
    "tiff": ("TIFF", "Tiff"),
    "gif": ("GIF", "Gif"),
    "avif": ("AVIF", "Avif"),
    "ppm": ("PPM", "Ppm"),
    "jp2": ("JPEG2000", "Jpeg2K"),
    "psd": ("PSD", "Psd"),
    "ico": ("ICO", "Ico"),
    "icns": ("ICNS", "Icns"),
    "tga": ("TGA", "Tga"),
    "pcx": ("PCX", "Pcx"),
    "sgi": ("SGI", "Sgi"),
    "sun": ("SUN", "Sun"),
}
# In these headers Pillow does not distinguish an unsupported variant from damage; the first is
# more likely.
_MANY_VARIANTS = frozenset({"tiff", "psd", "sgi", "tga"})

# Measured; libraries hold their own planes beside Pillow's picture (4 bytes) and ours (3).
_USUAL_BYTES, _RESULT_BYTES = 10, 7
_BYTES_A_PIXEL = {"jp2": 27, "webp": 17, "avif": 17}
# Animations hold the frame before, and the one that is drawn on it. AV1 keeps up to eight.
_MOVING_BYTES, _MOVING_AVIF_BYTES = 20, 52
_HEIC_BYTES, _FULL_COLOUR_HEIC_BYTES = 10, 12  # full: not 4:2:0, or with transparency
_COMPRESSION, _PLANES, _SEPARATE = 259, 284, 2
# The position of a TGA's image descriptor, and its bits for the number of alpha bits per pixel.
_TGA_DESCRIPTOR, _TGA_ALPHA_BITS = 17, 0x0F

# By their numbers in TIFF files: those that libtiff may be built without.
_COMPRESSIONS = {
    **{7: "JPEG", 34661: "JBIG", 34887: "LERC", 34925: "LZMA", 50000: "Zstandard"},
    **{50001: "WebP"},
}

_UNKNOWN_VARIANT = "this variant of {} cannot be read; save it as 8-bit RGB"
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|unimplemented|not implemented|cannot handle|not available"
    r"|unknown (?!error)",
    re.IGNORECASE,
)
# Of Pillow's message that a picture exceeds its limit.
_STATED_PIXELS = re.compile(r"\((\d+) pixels\)")


def open_picture(stream: BinaryIO, format: str, repaired: bool = False) -> Image.Image:
    """Pillow's picture for an open stream, not decoded yet.

    Args:
        stream: The file at its beginning.
        format: detect's name for it.
        repaired: Whether a truncated JPEG is read as far as it goes, and faulty headers of JPEG
            2000 are corrected.

    Returns:
        The picture.

    Raises:
        InputError: "too_large" beyond MAX_PIXELS, "unsupported" for a variant that Pillow cannot
            read, "missing_library" for HEIC without pillow-heif, "corrupt" for damage.
    """
    from PIL import Image, UnidentifiedImageError

    if format == "jpeg":
        process = unsupported_process(stream)
        if process:
            raise InputError("unsupported", f"{process}, which cannot be read; save it as PNG")
        stream = append_end_marker(stream) if repaired else stream
    if format == "jp2":
        coding = jpeg2000.unsupported_coding(stream)
        if coding:
            message = f"a JPEG 2000 picture {coding}, which cannot be read; save it as PNG"
            raise InputError("unsupported", message)
        stream = jpeg2000.repair(stream) if repaired else stream
    if format == "png":
        stream = strip_ancillary_chunks(stream)
    problem: str | None = None
    try:
        with decoding(format, "file"):
            picture = Image.open(stream, formats=_registered(format))
    except InputError as error:
        if format == "tiff" and is_cut_off(stream):
            raise InputError("corrupt", "the TIFF file is cut off", error.detail) from error
        if isinstance(error.__cause__, UnidentifiedImageError) and format in _MANY_VARIANTS:
            problem = _UNKNOWN_VARIANT.format(format.upper())
        elif format == "heic" and (coding := unsupported_coding(stream)):
            problem = f"a HEIF picture {coding}, which cannot be read; export it as JPEG"
        if problem is None:
            raise
        raise InputError("unsupported", problem, error.detail) from error.__cause__
    if format == "tiff":
        _check_compression(picture)
        _correct_planes(picture)
    return picture


def _check_compression(picture: Image.Image) -> None:
    compression = getattr(picture, "tag_v2", {}).get(_COMPRESSION, 1)
    if isinstance(compression, int) and not unpacks(compression):
        name = _COMPRESSIONS.get(compression, f"number {compression}")
        problem = f"a TIFF whose compression ({name}) Pillow cannot unpack; save it with another"
        raise InputError("unsupported", problem)


def _correct_planes(picture: Any) -> None:
    """Corrects the tiles of separate planes of 16 bits, which Pillow reads as if they had 8."""
    tags: Any = getattr(picture, "tag_v2", {})
    compressed, separate = tags.get(_COMPRESSION, 1) != 1, tags.get(_PLANES, 1) == _SEPARATE
    if compressed or not separate or set(tags.get(BITS_A_SAMPLE, ())) != {16}:
        return
    order = "L" if tags.prefix == b"II" else "B"
    picture.tile = [
        tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:])) for tile in picture.tile
    ]


def restore_palette(picture: Image.Image) -> None:
    """Gives a loaded picture its palette, which Pillow's reader of ICNS leaves out."""
    from PIL import ImagePalette

    if picture.mode == "P" and picture.palette is None:
        colours = picture.im.getpalette("RGB", "RGB")
        picture.palette = ImagePalette.ImagePalette("RGB", colours)


def ignore_undeclared_alpha(picture: Image.Image, stream: BinaryIO) -> None:
    """Makes a loaded TGA opaque if its header declares no alpha channel, which Pillow reads anyway.

    Args:
        picture: A loaded TGA.
        stream: Its file; the position is not restored.
    """
    stream.seek(_TGA_DESCRIPTOR)
    if picture.mode in ("RGBA", "LA") and not stream.read(1)[0] & _TGA_ALPHA_BITS:
        picture.putalpha(255)


def check_memory(picture: Image.Image, format: str, moving: bool = False) -> None:
    """Refuses a picture that takes more memory than MAX_PIXELS of the usual kind.

    Args:
        picture: A picture that is not decoded yet.
        format: detect's name for its format.
        moving: Whether all frames of an animation are to be decoded.

    Raises:
        InputError: "too_large", or "corrupt" without area.
    """
    each = _bytes_a_pixel(picture, format, moving)
    check_size(*picture.size, max_pixels=MAX_PIXELS * _USUAL_BYTES // each)


def peak_bytes(picture: Image.Image, format: str, moving: bool = False) -> int:
    """The memory that decoding a picture takes, conversion to RGB included; see check_memory."""
    return picture.width * picture.height * _bytes_a_pixel(picture, format, moving)


def _bytes_a_pixel(picture: Image.Image, format: str, moving: bool) -> int:
    """Peak memory of decoding in bytes per pixel, the result included."""
    still = _bytes_a_pixel_of_stills(picture, format)
    if not moving:
        return still
    return max(still, _MOVING_AVIF_BYTES if format == "avif" else _MOVING_BYTES)


def _bytes_a_pixel_of_stills(picture: Image.Image, format: str) -> int:
    if format == "tiff":
        tags: dict[int, Any] = getattr(picture, "tag_v2", {})
        bits: tuple[int, ...] = tags.get(BITS_A_SAMPLE, (8,))
        # A file may be a single compressed strip, which its decoder holds whole.
        if tags.get(_COMPRESSION, 1) != 1:
            return max(_USUAL_BYTES, _RESULT_BYTES + sum(bits) // 8)
    if format == "heic":
        usual = picture.info.get("chroma") == 420 and picture.mode == "RGB"
        return _HEIC_BYTES if usual else _FULL_COLOUR_HEIC_BYTES
    return _BYTES_A_PIXEL.get(format, _USUAL_BYTES)


@contextmanager
def decoding(format: str, part: str = "data") -> Iterator[None]:
    """Turns exceptions of Pillow inside the block into InputErrors.

    Args:
        format: detect's name for the format.
        part: What is read, for the message: "file" or "data".

    Raises:
        InputError: "unsupported" for a variant that Pillow does not support, otherwise see
            to_input_error: "corrupt" for damage.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise _meaning(error, format, part) from error


def _meaning(error: Exception, format: str, part: str) -> InputError:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        stated = _STATED_PIXELS.search(str(error))
        pixels = f"{int(stated[1]):,} pixels" if stated else "too many pixels"
        return InputError("too_large", f"{pixels}: {limit_text('MAX_PIXELS')}")
    # Runs of equal pixels across rows, which Pillow takes for damage.
    long_runs = format == "tga" and "buffer overrun" in str(error)
    if isinstance(error, NotImplementedError) or _UNSUPPORTED.search(str(error)) or long_runs:
        return to_input_error(error, "unsupported", _UNKNOWN_VARIANT.format(format.upper()))
    return to_input_error(error, "corrupt", f"the {format.upper()} {part} is cut off or damaged")


def _registered(format: str) -> tuple[str, ...]:
    """Pillow's names for a format, its plugins loaded. Raises InputError("missing_library")."""
    if format == "heic":
        _register_heif()
        return ("HEIF",)
    name, module = _PLUGINS[format]
    import_module(f"PIL.{module}ImagePlugin")
    return (name,)


def _register_heif() -> None:
    try:
        heif = import_module("pillow_heif")
    except ModuleNotFoundError as error:
        problem = "a HEIC photo; the Python package pillow-heif reads it (the extra [heif])"
        raise InputError("missing_library", problem) from error
    heif.register_heif_opener()
