"""The colour scale of attributions.

The colour map is computed here, not taken from matplotlib, because the terminal and the report
do not need matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from perceiver_cli.media.luma import LUMA_WEIGHTS
from perceiver_cli.media.srgb import to_srgb

BACKGROUND, INK, FAINT, LINE = "#16181d", "#f2f3f5", "#a9afb9", "#4a505b"

# Opacity of the heat over the picture in grey.
_HEAT_SHARE = 0.65

_STEPS = 256


def heat(level: np.ndarray | float) -> np.ndarray:
    """Levels in [0, 1], of any shape [...], as colours: float [..., 3] of sRGB in [0, 1]."""
    colours: np.ndarray = _HEAT[np.rint(np.asarray(level) * (_STEPS - 1)).astype(int)]
    return colours


def _heat_colours() -> np.ndarray:
    """A perceptually uniform colour map from violet over red to yellow, float [steps, 3].

    Lightness rises linearly in Oklab (Ottosson 2020), so it is readable for the colour-blind and
    in grey prints. The darkest colour is still visible on the background.
    """
    t = np.linspace(0, 1, _STEPS)
    lightness = 0.36 + 0.6 * t
    hue = np.radians(295 + 172 * t)
    chroma = np.interp(t, (0, 0.25, 0.5, 0.75, 1), (0.13, 0.17, 0.18, 0.16, 0.12))
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], -1)
    to_cones = [
        (1, 0.3963377774, 0.2158037573),
        (1, -0.1055613458, -0.0638541728),
        (1, -0.0894841775, -1.2914855480),
    ]
    to_rgb = [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    ]
    linear = ((lab @ np.transpose(to_cones)) ** 3 @ np.transpose(to_rgb)).clip(0, 1)
    return to_srgb(linear)


_HEAT = _heat_colours()


@dataclass(frozen=True)
class Scale:
    """A colour scale of attributions.

    The scale is that of the square root: attention is so uneven that on a linear one all but a
    few peaks would be black.

    Attributes:
        top: The value of the last colour, in multiples of an even share. Larger values have the
            same colour.
    """

    top: float

    @classmethod
    def over(cls, maps: Iterable[np.ndarray]) -> Scale:
        """A scale for all maps, without the heaviest half percent.

        Its top is at least twice an even share, so that nearly even attention looks even.
        """
        values = np.concatenate([np.ravel(m) for m in maps])
        return cls(max(2.0, float(np.quantile(values, 0.995))))

    def level(self, values: np.ndarray) -> np.ndarray:
        """Values -> their position on the scale, [0, 1]."""
        return np.asarray(np.sqrt(np.clip(values / self.top, 0, 1)))

    def colours(self, values: np.ndarray) -> np.ndarray:
        """Values [...] -> uint8 [..., 3]."""
        return np.asarray((heat(self.level(values)) * 255).round().astype(np.uint8))

    def overlay(self, pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Heat on a picture in grey: uint8 [H, W, 3], values [H, W] -> uint8 [H, W, 3]."""
        grey = pixels @ LUMA_WEIGHTS
        mixed = (1 - _HEAT_SHARE) * grey[..., None] + _HEAT_SHARE * self.colours(values)
        return np.asarray(mixed.round().astype(np.uint8))

    def legend(self, width: int, height: int, *, overlaid: bool) -> np.ndarray:
        """The scale from left to right.

        Args:
            width: In pixels.
            height: In pixels.
            overlaid: Whether the colours are laid over middle grey, as over a picture.

        Returns:
            uint8 [height, width, 3].
        """
        values = np.broadcast_to(np.linspace(0, 1, width) ** 2 * self.top, (height, width))
        if not overlaid:
            return self.colours(values)
        return self.overlay(np.full((height, width, 3), 128.0), values)


def grey_limits(spectra: Iterable[np.ndarray]) -> tuple[float, float]:
    """The levels that are drawn black and white, over all windows of a sound."""
    low, high = np.quantile(np.concatenate([np.ravel(s) for s in spectra]), [0.02, 0.995])
    return float(low), float(high)


def in_grey(spectrum: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """A spectrogram's levels in grey.

    Args:
        spectrum: [bands, steps].
        limits: The levels that are drawn black and white; see grey_limits.

    Returns:
        float [bands, steps, 3], 0 to 255.
    """
    low, high = limits
    grey = np.clip((spectrum - low) / max(high - low, 1e-6), 0, 1) * 255
    return np.repeat(grey[..., None], 3, -1)


def enlarge(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Enlarges a grid without interpolation.

    Args:
        values: [r, c, ...].
        rows: The rows of the result.
        columns: The columns of the result.

    Returns:
        [rows, columns, ...].
    """
    row = np.arange(rows) * values.shape[0] // rows
    column = np.arange(columns) * values.shape[1] // columns
    cells: np.ndarray = values[row][:, column]
    return cells


def heat_on_crop(
    scale: Scale,
    pixels: np.ndarray,
    values: np.ndarray,
    box: tuple[float, float, float, float],
    size: tuple[int, int],
) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Heat over the part of a picture that the model read; the rest is dark grey.

    Args:
        scale: The colours.
        pixels: uint8 [H, W, 3], possibly a reduced copy of the picture.
        values: [rows, columns] of the part that was read.
        box: Left, top, width and height of that part, in pixels of the picture itself.
        size: (width, height) of the picture itself.

    Returns:
        The drawing, uint8 [H, W, 3], and the box in its pixels: left, top, right, bottom.
    """
    height, width = pixels.shape[:2]
    across, down = width / size[0], height / size[1]
    left, right = round(box[0] * across), round((box[0] + box[2]) * across)
    top, bottom = round(box[1] * down), round((box[1] + box[3]) * down)
    right, bottom = min(width, right), min(height, bottom)
    grey = (pixels @ LUMA_WEIGHTS * 0.3)[..., None].repeat(3, -1)
    drawn = grey.round().astype(np.uint8)
    inside = (slice(top, bottom), slice(left, right))
    cells = enlarge(values, bottom - top, right - left)
    drawn[inside] = scale.overlay(pixels[inside], cells)
    return drawn, (left, top, right, bottom)
