"""Cutting a square out of a picture, and resampling it to the model's size."""

from __future__ import annotations

import io
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

Resample = Literal["bicubic", "cubic", "linear"]


class Square(NamedTuple):
    """The position of a square in a picture, in pixels."""

    left: int
    top: int
    side: int


def centre_square(height: int, width: int, share: float, *, round_up: bool) -> Square:
    """The centre square of a picture.

    Args:
        height: The height of the picture in pixels.
        width: The width of the picture in pixels.
        share: The square's side as a share of the shorter side.
        round_up: Whether an odd margin's extra pixel lies to the left and the top.

    Returns:
        The square, of at least one pixel.
    """
    side = max(1, int(share * min(height, width)))
    left, top = ((length - side + round_up) // 2 for length in (width, height))
    return Square(left, top, side)


def resample(
    pixels: np.ndarray, square: Square, size: int, how: Resample, *, crop_first: bool
) -> np.ndarray:
    """Resamples a square of a picture.

    Args:
        pixels: uint8 [H, W, 3].
        square: The square to cut out.
        size: Side of the result in pixels.
        how: "bicubic" is Pillow's, with antialiasing; "cubic" and "linear" are OpenCV's, which
            use only the nearest four or two pixels in each direction.
        crop_first: Whether the square is cut out first, so that pixels outside of it do not
            influence its edge. Always so for "cubic" and "linear".

    Returns:
        uint8 [size, size, 3].
    """
    left, top, side = square
    box = (left, top, left + side, top + side)
    if how != "bicubic":
        cut = pixels[top : top + side, left : left + side]
        return _interpolate(_interpolate(cut, size, how), size, how)
    picture = Image.fromarray(pixels)
    if crop_first:
        picture, box = picture.crop(box), (0, 0, side, side)
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))


def read_square(
    pixels: np.ndarray,
    square: Square,
    size: int,
    how: Resample,
    *,
    crop: float,
    jpeg: int,
    crop_first: bool = False,
) -> np.ndarray:
    """A square of a picture or a frame as the model reads it.

    Args:
        pixels: uint8 [H, W, 3].
        square: The square to read.
        size: Side of the result in pixels.
        how: See resample.
        crop: The square's side as a share of the shorter side.
        jpeg: Quality of a JPEG compression at `size`, see ImageRecipe; 0 for none.
        crop_first: See resample; only without `jpeg`.

    Returns:
        uint8 [size, size, 3].
    """
    if jpeg:
        return as_small_jpeg(pixels, size, how, jpeg, crop)
    return resample(pixels, square, size, how, crop_first=crop_first)


def as_small_jpeg(
    pixels: np.ndarray, size: int, how: Resample, quality: int, crop: float
) -> np.ndarray:
    """The centre of a picture whose centre square first becomes a JPEG file of `size` pixels.

    Args:
        pixels: uint8 [H, W, 3].
        size: Side of the file and of the result.
        how: See resample.
        quality: The quality of the JPEG file, 1 to 95.
        crop: Share of the square's side that is kept, and enlarged again.

    Returns:
        uint8 [size, size, 3].
    """
    height, width = pixels.shape[:2]
    whole = centre_square(height, width, 1.0, round_up=False)
    stored = resample(pixels, whole, size, how, crop_first=False)
    return enlarge_centre(through_jpeg(stored, quality), crop)


def through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """A picture after compression as JPEG, with chroma at half resolution (4:2:0).

    Args:
        pixels: uint8 [H, W, 3].
        quality: 1 to 95, on libjpeg's scale.

    Returns:
        uint8 [H, W, 3].
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture)


def enlarge_centre(pixels: np.ndarray, share: float) -> np.ndarray:
    """The centre of a square picture at the size of the whole.

    Linear between pixels, as random crops are in training.

    Args:
        pixels: uint8 [S, S, 3].
        share: Side of the centre as a share of the whole side.

    Returns:
        uint8 [S, S, 3].
    """
    size = pixels.shape[0]
    margin = (1 - share) / 2 * size
    box = (margin, margin, size - margin, size - margin)
    picture = Image.fromarray(pixels)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box))


def _interpolate(pixels: np.ndarray, size: int, how: Resample) -> np.ndarray:
    """[S, T, c] -> [T, size, c], so that twice is both directions; uint8 at the end."""
    length = pixels.shape[0]
    position = (np.arange(size, dtype=np.float64) + 0.5) * (length / size) - 0.5
    before = np.floor(position).astype(int)
    offsets = np.array([-1, 0, 1, 2] if how == "cubic" else [0, 1])
    distance = np.abs(position[:, None] - before[:, None] - offsets)
    weights = (_cubic(distance) if how == "cubic" else 1 - distance).astype(np.float32)
    nearest = np.clip(before[:, None] + offsets, 0, length - 1)
    mixed: np.ndarray = np.einsum("sk,sktc->tsc", weights, pixels[nearest].astype(np.float32))
    if pixels.dtype == np.uint8:
        return mixed
    whole: np.ndarray = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return whole


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -3/4, as in OpenCV."""
    d, a = distance, -0.75
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    result: np.ndarray = np.where(d <= 1, near, far)
    return result
