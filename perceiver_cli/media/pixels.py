"""Conversion of pictures to upright 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_PIXELS, limit_text

if TYPE_CHECKING:
    from PIL import Image

    Array = np.ndarray[Any, Any]

# Bit depths that cameras and scanners store in 16-bit files.
_DEPTH_CEILINGS = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)

# Fractions are of the range 0..255 only if the largest is at least this one.
_LEAST_OF_255 = 16

# Tags of a TIFF that Pillow ignores for numbers of more than 8 bits, and values of them.
BITS_A_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1

# Pixels per strip of a picture that is being converted: copies of other depths stay small.
STRIP_PIXELS = 2**20

# Number of pixels beyond which a decoded picture is reduced immediately, because every later step
# holds another copy.
LARGE_PIXELS = 2**24


def check_size(width: int, height: int, max_pixels: int | None = None) -> None:
    """Refuses a picture that is too large, or has no area.

    Args:
        width: Pixels.
        height: Pixels.
        max_pixels: The limit, if it is a share of MAX_PIXELS.

    Raises:
        InputError: "too_large" beyond the limit, "corrupt" without area.
    """
    if width < 1 or height < 1:
        raise InputError("corrupt", f"the picture has no area ({width} x {height} pixels)")
    limit = min(MAX_PIXELS, max_pixels or MAX_PIXELS)
    if width * height > limit:
        problem = f"a picture of {width} x {height}: {limit_text('MAX_PIXELS', limit)}"
        raise InputError("too_large", problem)


def to_8_bit(values: Array) -> Array:
    """Numbers of any depth, scaled by their range and never clipped.

    Integers are divided by the smallest depth of 8, 10, 12, 14 or 16 bits that holds the
    brightest of them, so that 12-bit data in a 16-bit file does not come out black. Fractions
    are taken as 0..1; as 0..255 if the largest is from 16 to 255; as 0 to the largest if that is
    between 1 and 16, such as light in linear units, or overshoot of a filter. Anything else,
    negative numbers included, is stretched from its smallest to its largest. NaN and infinities
    count as the smallest.

    Args:
        values: Numbers, any shape [...].

    Returns:
        uint8 [...].

    Raises:
        InputError: "corrupt" without a finite number.
    """
    if values.dtype == np.uint8:
        return values
    # In their order in memory, because another order would need a copy.
    order: Literal["C", "F"] = "F" if np.isfortran(values) else "C"
    flat = values.reshape(-1, order=order)
    scale = _Scale.of(_chunks(flat), values.dtype.kind)
    result = np.empty(flat.shape, np.uint8)
    for source, target in zip(_chunks(flat), _chunks(result), strict=True):
        target[:] = scale.apply(source)
    return result.reshape(values.shape, order=order)


def gaps_of(values: Array) -> tuple[str, ...]:
    """A note if numbers of a picture are infinite or NaN.

    Args:
        values: Numbers of any type and shape.
    """
    return _note_gaps(_chunks(values.reshape(-1, order="A"))) if values.dtype.kind == "f" else ()


def gaps_of_picture(picture: Image.Image) -> tuple[str, ...]:
    """A note if pixels of a decoded Pillow picture are infinite or NaN."""
    if picture.mode != "F":
        return ()
    rows = max(1, STRIP_PIXELS // picture.width)
    return _note_gaps(np.asarray(strip) for strip, _ in strips(picture, rows))


def reduction_of(picture: Image.Image, at_least: int) -> int:
    """The integer factor by which a very large picture is reduced; 1 for any other picture.

    Args:
        picture: The picture.
        at_least: Minimum number of pixels that the shorter side keeps.
    """
    large = picture.width * picture.height > LARGE_PIXELS
    return max(1, min(picture.size) // at_least) if large else 1


def strips(picture: Image.Image, rows: int) -> Iterator[tuple[Image.Image, int]]:
    """The picture in strips, each with the index of its first row.

    Args:
        picture: A loaded picture.
        rows: Height of a strip; the last one may be lower.
    """
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(picture.height, top + rows))
        yield picture.crop(box), top


def depth_ceiling(largest: int) -> int:
    """The largest number of the smallest depth of 8, 10, 12, 14 or 16 bits that holds a number."""
    return next(each for each in _DEPTH_CEILINGS if largest <= each)


def to_rgb_array(picture: Image.Image, orientation: int = 1, factor: int = 1) -> Array:
    """A decoded Pillow picture of any mode as upright RGB.

    It is converted in strips, so that memory holds little beside the decoder's picture and the
    result. Transparency is composited over white, as most viewers and web pages do; colours of
    transparent pixels are hidden.

    Args:
        picture: A picture whose pixels are loaded.
        orientation: The EXIF orientation, 1 to 8, in which it is stored.
        factor: Each pixel of the result is the mean of factor x factor pixels.

    Returns:
        uint8 [H, W, 3].

    Raises:
        InputError: "unsupported" for a colour mode that cannot be converted to RGB, "corrupt" if
            all numbers are infinite or NaN.
    """
    width, height = picture.size
    size = -(-height // factor), -(-width // factor)
    upright = np.empty((*(size[::-1] if orientation >= 5 else size), 3), np.uint8)
    stored = stored_view(upright, orientation)
    rows = max(1, STRIP_PIXELS // (width * factor)) * factor
    convert = _converter(picture, rows)
    for strip, top in strips(picture, rows):
        pixels = convert(strip)
        reduced = pixels.reduce(factor) if factor > 1 else pixels
        stored[top // factor : top // factor + reduced.height] = np.asarray(reduced)
    return upright


def stored_view(upright: Array, orientation: int) -> Array:
    """An upright picture as a file of an EXIF orientation stores it.

    Args:
        upright: [H, W, ...].
        orientation: 1 to 8.

    Returns:
        A view: [W, H, ...] for orientations from 5 on, else [H, W, ...].
    """
    across = upright.swapaxes(0, 1)
    views = {
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: across,
        6: across[::-1],
        7: across[::-1, ::-1],
        8: across[:, ::-1],
    }
    return views.get(orientation, upright)


def apply_orientation(stored: Array, orientation: int) -> Array:
    """A copy of a picture, turned upright.

    Args:
        stored: [h, w, ...], as a file of an EXIF orientation stores it.
        orientation: 1 to 8.

    Returns:
        [w, h, ...] for orientations from 5 on, else [h, w, ...], contiguous.
    """
    height, width, *rest = stored.shape
    shape = (width, height) if orientation >= 5 else (height, width)
    upright = np.empty((*shape, *rest), stored.dtype)
    stored_view(upright, orientation)[:] = stored
    return upright


@dataclass(frozen=True)
class _Scale:
    """Maps numbers to round((number - low) / span * 255); those that are not finite to 0."""

    low: float
    span: float
    least: float

    @classmethod
    def of(cls, chunks: Iterable[Array], kind: str) -> _Scale:
        """The scale for all numbers in chunks of a dtype kind. Raises InputError("corrupt")."""
        low, high = np.inf, -np.inf
        for chunk in chunks:
            finite = chunk[np.isfinite(chunk)] if kind == "f" else chunk
            if finite.size:
                low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        if low > high:
            raise InputError("corrupt", "the picture has no finite values")
        ceilings: tuple[float, ...] = _DEPTH_CEILINGS
        if kind == "f":
            ceilings = (1, high) if high < _LEAST_OF_255 else (255,)
        ceiling = next((each for each in ceilings if high <= each), None)
        if low < 0 or ceiling is None:
            return cls(low, (high - low) or 1.0, low)
        return cls(0.0, ceiling, low)

    def apply(self, numbers: Array) -> Array:
        """uint8 of the same shape."""
        with np.errstate(invalid="ignore"):  # signalling NaN
            values = numbers.astype(np.float64)
        if numbers.dtype.kind == "f":
            values[~np.isfinite(values)] = self.least
        return np.rint((values - self.low) / self.span * 255).astype(np.uint8)


def _note_gaps(chunks: Iterable[Array]) -> tuple[str, ...]:
    if all(np.isfinite(chunk).all() for chunk in chunks):
        return ()
    return ("pixels that are not finite are read as the smallest value",)


def _chunks(flat: Array) -> Iterator[Array]:
    return (flat[start : start + STRIP_PIXELS] for start in range(0, len(flat), STRIP_PIXELS))


def _converter(picture: Image.Image, rows: int) -> Callable[[Image.Image], Image.Image]:
    """Returns a function that converts a strip of the picture to mode RGB."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return _from_numbers(picture, rows)
    if mode == "LAB":
        return _from_lab()
    if picture.has_transparency_data or mode in ("La", "RGBa"):
        return _over_white
    return _plain


def _from_numbers(picture: Image.Image, rows: int) -> Callable[[Image.Image], Image.Image]:
    """The converter of one channel of more than 8 bits."""
    from PIL import Image

    tags: Mapping[int, Any] = getattr(picture, "tag_v2", {})
    is_unsigned = picture.mode == "I" and tags.get(BITS_A_SAMPLE) == (32,)
    is_unsigned &= tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)) == (_UNSIGNED,)
    is_negative = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO

    def numbers(strip: Image.Image) -> Array:
        values = np.asarray(strip)
        return values.view(np.uint32) if is_unsigned else values

    arrays = (numbers(strip) for strip, _ in strips(picture, rows))
    scale = _Scale.of(arrays, "f" if picture.mode == "F" else "i")

    def convert(strip: Image.Image) -> Image.Image:
        grey = scale.apply(numbers(strip))
        return Image.fromarray(255 - grey if is_negative else grey).convert("RGB")

    return convert


def _plain(strip: Image.Image) -> Image.Image:
    try:
        return strip.convert("RGB")
    except ValueError as error:
        problem = f"colours in mode {strip.mode} cannot be converted to RGB"
        raise InputError("unsupported", problem) from error


def _over_white(strip: Image.Image) -> Image.Image:
    from PIL import Image

    if strip.mode == "La":
        strip = strip.convert("LA")
    strip = strip.convert("RGBA")
    white = Image.new("RGBA", strip.size, "white")
    return Image.alpha_composite(white, strip).convert("RGB")


def _from_lab() -> Callable[[Image.Image], Image.Image]:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")

    def convert(strip: Image.Image) -> Image.Image:
        return transform.apply(strip)

    return convert
