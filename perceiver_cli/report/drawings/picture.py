"""Draws a picture, and beside it the same picture under each of its maps."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from perceiver_cli.explanations import Explanation, PictureMap
from perceiver_cli.report.drawings.colours import FAINT, LINE, Scale, heat_on_crop
from perceiver_cli.report.drawings.sheet import (
    CHARACTER,
    MIN_WIDTH,
    Sheet,
    heading,
    heading_height,
)

# Limits of the longer side of a panel in pixels: pictures are reduced or enlarged to them.
MIN_SIDE, MAX_SIDE = 440, 1600

_NOT_READ = "dark areas were not read"


def draw_picture(explanation: Explanation, ending: str) -> bytes:
    """One panel for the picture and one for each map, on one scale."""
    (window,) = explanation.windows
    attribution = window.map_of("image", PictureMap)
    scale = Scale.over(attribution.values)
    pixels = fitted(window.shown, MIN_SIDE, MAX_SIDE)
    high, wide = pixels.shape[:2]
    panels = [("the picture", pixels)]
    for name, values in zip(explanation.names, attribution.values, strict=True):
        heat, box = heat_on_crop(scale, pixels, values, attribution.box, explanation.shown_size)
        panels.append((name, heat))
    whole = (box[2] - box[0], box[3] - box[1]) == (wide, high)

    unit = max(14.0, min(wide, high) / 28)
    margin, gap, label = 2 * unit, 1.2 * unit, 1.8 * unit
    # Narrow pictures keep the distance that their titles need.
    cell = max(wide, math.ceil(max(len(name) for name, _ in panels) * CHARACTER * unit))
    columns = _columns(len(panels), cell, high)
    rows = math.ceil(len(panels) / columns)
    least = (MIN_WIDTH if whole else MIN_WIDTH + len(_NOT_READ) * CHARACTER) * unit
    width = round(2 * margin + max(least, columns * cell + (columns - 1) * gap))
    top = heading_height(explanation, width - 2 * margin, unit)
    height = round(top + rows * (label + high + gap) + 3.2 * unit)

    sheet = Sheet(width, height, unit)
    heading(sheet, explanation, margin, width - margin)
    for number, (name, drawn) in enumerate(panels):
        row, column = divmod(number, columns)
        x = margin + column * (cell + gap)
        y = top + row * (label + high + gap)
        sheet.text(x, y, name)
        sheet.image(x, y + label, drawn)
        sheet.frame(round(x), round(y + label), wide, high, LINE)
    sheet.legend(margin, height - 2.9 * unit, scale)
    if not whole:
        sheet.text(width - margin, height - 2.9 * unit, _NOT_READ, color=FAINT, ha="right")
    return sheet.save(ending)


def fitted(pixels: np.ndarray, smallest: int, largest: int) -> np.ndarray:
    """Resizes a picture if its longer side is out of bounds.

    Args:
        pixels: uint8 [height, width, 3].
        smallest: Minimum length of the longer side in pixels.
        largest: The greatest length of the longer side in pixels.

    Returns:
        uint8 [H, W, 3].
    """
    longer = max(pixels.shape[:2])
    factor = min(max(longer, smallest), largest) / longer
    if factor == 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    # Enlarged pixels are not blurred.
    how = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize(size, how))


def _columns(panels: int, wide: int, high: int) -> int:
    """The number of columns with a ratio of about 3:2 and few empty cells."""

    def badness(columns: int) -> float:
        rows = math.ceil(panels / columns)
        holes = rows * columns - panels
        return abs(math.log(columns * wide / (rows * high) / 1.5)) + 0.4 * holes

    return min(range(1, panels + 1), key=badness)
