"""From whatever a picture is stored as to 8-bit RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perceiver_cli.errors import InputError
from perceiver_cli.media.limits import MAX_PIXELS, most

if TYPE_CHECKING:
    from PIL import Image

# Depths that cameras and scanners keep inside 16-bit files.
_DEPTH_CEILINGS = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)


def check_size(width: int, height: int) -> None:
    """Raise InputError("too_large") above MAX_PIXELS and InputError("corrupt") without area."""
    if width < 1 or height < 1:
        raise InputError("corrupt", f"the picture has no area ({width} x {height} pixels)")
    if width * height > MAX_PIXELS:
        raise InputError("too_large", f"a picture of {width} x {height}: {most('MAX_PIXELS')}")


def to_8_bit(values: np.ndarray) -> np.ndarray:
    """Numbers of any depth [...] as uint8 [...], scaled by their range and never clipped.

    Whole numbers are divided by the smallest depth of 8, 10, 12, 14 or 16 bits that holds the
    brightest of them, so that 12-bit data in a 16-bit file does not come out black. Fractions
    are taken as 0..1, or 0..255 when they exceed 1. Anything else, negative numbers included, is
    stretched from its smallest to its largest. NaN and infinities count as the smallest.
    """
    if values.dtype == np.uint8:
        return values
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        raise InputError("corrupt", "the picture holds no finite number")
    low, high = float(numbers[finite].min()), float(numbers[finite].max())
    numbers[~finite] = low
    ceilings = (1, 255) if values.dtype.kind == "f" else _DEPTH_CEILINGS
    ceiling = next((each for each in ceilings if high <= each), None)
    if low < 0 or ceiling is None:
        scaled = (numbers - low) / ((high - low) or 1.0)
    else:
        scaled = numbers / ceiling
    return np.rint(scaled * 255).astype(np.uint8)


def to_rgb(picture: Image.Image) -> Image.Image:
    """A decoded Pillow picture of any mode as mode "RGB".

    Transparency is composited over white: that is what most viewers and web pages show behind a
    picture, and hidden colours under transparent pixels must not come through.
    """
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        return Image.fromarray(to_8_bit(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
