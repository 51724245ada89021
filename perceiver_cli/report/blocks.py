"""A picture in a terminal, two pixels per character."""

from __future__ import annotations

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.text import Text

from perceiver_cli.media.luma import LUMA_WEIGHTS
from perceiver_cli.report.terminal import is_ascii, show

_SHADES, _SHADES_ASCII = " ░▒▓█", " .:=#"


def show_blocks(console: Console, pixels: np.ndarray, widest: int, tallest: int) -> None:
    """Prints a picture as block characters.

    In colour each half of a block is a pixel; without colour, denser characters stand for lighter
    pixels.

    Args:
        console: Where to print.
        pixels: uint8 [height, width, 3].
        widest: Maximum number of columns.
        tallest: Maximum number of rows.
    """
    height, width = pixels.shape[:2]
    columns = max(1, min(widest, console.width, round(2 * tallest * width / height)))
    rows = max(1, round(columns * height / width / 2))
    small = Image.fromarray(pixels).resize((columns, 2 * rows), Image.Resampling.BOX)
    upper, lower = np.asarray(small).reshape(rows, 2, columns, 3).swapaxes(0, 1)
    if console.color_system and not console.no_color and not is_ascii(console):
        lines = list(map(_coloured, upper, lower))
    else:
        shades = _SHADES_ASCII if is_ascii(console) else _SHADES
        light = (upper.astype(float) + lower) @ LUMA_WEIGHTS / 2
        lines = [_shaded(line, shades) for line in light]
    for line in lines:
        show(console, line)


def _coloured(upper: np.ndarray, lower: np.ndarray) -> Text:
    line = Text(no_wrap=True)
    for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
        style = Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below))
        line.append("▀", style)
    return line


def _shaded(light: np.ndarray, shades: str) -> Text:
    level = (light / 256 * len(shades)).astype(int)
    return Text("".join(shades[i] for i in level), no_wrap=True)
