"""A page with elements placed in pixels from the top left, with a common heading and legend."""

from __future__ import annotations

import io
import textwrap
import warnings
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from perceiver_cli.explanations import Explanation
from perceiver_cli.report.answer import answer_in_words
from perceiver_cli.report.drawings.colours import BACKGROUND, FAINT, INK, LINE, Scale
from perceiver_cli.report.words import display_path

# The narrowest page, without its margins, in units: there is room for the legend.
MIN_WIDTH = 24
# Usual width of a character in units, and of a bold one in units of its size.
CHARACTER, _BOLD_CHARACTER = 0.53, 0.6
# Size of the answer, height of a line of it and of other text, and space between paragraphs, in
# units.
_ANSWER, _ANSWER_LINE, _LINE, _PARAGRAPH = 1.6, 2.2, 1.35, 0.15

_DPI = 100
_FORMATS = {".png": "PNG", ".webp": "WEBP", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF"}
_SAVING: dict[str, dict[str, Any]] = {
    "WEBP": {"quality": 90},
    "JPEG": {"quality": 92},
    "PNG": {"optimize": True},
}


class Sheet:
    """A page to draw on. All lengths and positions are in pixels, from the top left corner.

    Args:
        width: The width of the page.
        height: The height of the page.
        unit: The height of ordinary text.
    """

    def __init__(self, width: int, height: int, unit: float = 14) -> None:
        self.width, self.height, self.unit = width, height, unit
        self.figure = Figure((width / _DPI, height / _DPI), dpi=_DPI, facecolor=BACKGROUND)
        self._canvas = FigureCanvasAgg(self.figure)

    def text(self, left: float, top: float, words: str, **style: Any) -> None:
        """Writes text.

        Args:
            left: Where it begins, unless `ha` says otherwise.
            top: Its upper edge, unless `va` says otherwise.
            words: The text.
            style: size (in units), color, weight, ha and va, as in matplotlib.
        """
        size = style.pop("size", 1.0) * self.unit * 72 / _DPI
        style = dict[str, Any]({"color": INK, "va": "top", "parse_math": False} | style)
        self.figure.text(left / self.width, 1 - top / self.height, words, fontsize=size, **style)

    def image(self, left: float, top: float, pixels: np.ndarray) -> None:
        """Draws pixels, without scaling.

        Args:
            left: Its left edge.
            top: Its upper edge.
            pixels: uint8 [height, width, 3].
        """
        below = self.height - round(top) - pixels.shape[0]
        self.figure.figimage(pixels, round(left), below, zorder=1)

    def frame(self, left: float, top: float, width: float, height: float, color: str) -> None:
        """Draws the outline of a rectangle.

        Args:
            left: Its left edge.
            top: Its upper edge.
            width: Its width; with 0 it is a line.
            height: Its height; with 0 it is a line.
            color: Its colour, "#rrggbb".
        """
        corner = (left, self.height - top - height)
        self.figure.add_artist(
            Rectangle(
                corner, width, height, fill=False, edgecolor=color, linewidth=1, transform=None
            )
        )

    def axes(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Adds axes in the page's colours.

        Args:
            left: The left edge of the plot.
            top: Its upper edge.
            width: Its width.
            height: Its height.
            options: Arguments of matplotlib's add_axes.
        """
        box = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(box, facecolor=BACKGROUND, **options)
        axes.tick_params(colors=FAINT, labelsize=0.85 * self.unit * 72 / _DPI)
        for spine in axes.spines.values():
            spine.set_color(LINE)
        return axes

    def legend(self, left: float, top: float, scale: Scale, *, overlaid: bool = True) -> None:
        """Draws the colour scale, 20 units wide, in multiples of an even share.

        Args:
            left: Its left edge.
            top: Its upper edge.
            scale: The scale.
            overlaid: Whether its colours are laid over grey.
        """
        wide, high = round(20 * self.unit), round(0.8 * self.unit)
        self.image(left, top, scale.legend(wide, high, overlaid=overlaid))
        ticks = [(0.0, "0", "left"), (1.0, "even share", "center")]
        if scale.top > 14:
            # On a long scale an even share is so close to zero that only one label fits there, and
            # there is room for one more.
            middle = scale.top / 2
            ticks = [(1.0, "even share", "left"), (middle, f"{middle:.2g}×", "center")]
        for value, words, side in [*ticks, (scale.top, f"{scale.top:.2g}×", "center")]:
            x = left + wide * float(scale.level(np.array(value)))
            self.frame(x, top + high, 0, 0.25 * self.unit, FAINT)
            self.text(x, top + 1.2 * self.unit, words, size=0.85, color=FAINT, ha=side)

    def pixels(self) -> np.ndarray:
        """The page as uint8 [h, w, 3]."""
        with warnings.catch_warnings():
            # A name in a script that the font lacks is shown as boxes.
            warnings.simplefilter("ignore")
            self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()

    def save(self, ending: str) -> bytes:
        """The page as a file of that kind."""
        return encode(self.pixels(), ending)


def encode(pixels: np.ndarray, ending: str) -> bytes:
    """uint8 [h, w, 3] as PNG, WebP or JPEG."""
    content = io.BytesIO()
    kind = _FORMATS[ending]
    Image.fromarray(pixels).save(content, kind, **_SAVING.get(kind, {}))
    return content.getvalue()


def heading(sheet: Sheet, explanation: Explanation, left: float, right: float) -> float:
    """Writes the answer, the file and what the method shows.

    Args:
        sheet: The page.
        explanation: The explanation that is drawn on it.
        left: The left edge of the text in pixels.
        right: The right edge of the text in pixels.

    Returns:
        The upper edge of what follows, in pixels.
    """
    unit = sheet.unit
    lines = _heading_lines(explanation, (right - left) / unit)
    y = 1.0
    for line in lines.answer:
        sheet.text(left, y * unit, line, size=_ANSWER, weight="bold")
        y += _ANSWER_LINE
    for line in lines.file:
        sheet.text(left, y * unit, line, color=FAINT)
        y += _LINE
    y += _PARAGRAPH
    for line in lines.about:
        sheet.text(left, y * unit, line, color=FAINT)
        y += _LINE
    return lines.height * unit


def heading_height(explanation: Explanation, width: float, unit: float) -> float:
    """The height that `heading` takes.

    Args:
        explanation: What will be drawn.
        width: The width of the text in pixels.
        unit: The height of ordinary text in pixels.

    Returns:
        The height in pixels.
    """
    return _heading_lines(explanation, width / unit).height * unit


class _HeadingLines(NamedTuple):
    """The lines of a heading, and its height in units."""

    answer: list[str]
    file: list[str]
    about: list[str]

    @property
    def height(self) -> float:
        """With the space below it."""
        others = len(self.file) + len(self.about)
        return 1.0 + _ANSWER_LINE * len(self.answer) + _LINE * others + _PARAGRAPH + 0.7


def _heading_lines(explanation: Explanation, width: float) -> _HeadingLines:
    """The lines that fit into a width in units."""
    result = explanation.result
    file = f"{_name(display_path(result.path))}, read by {result.model}"
    characters = int(width / CHARACTER)
    return _HeadingLines(
        textwrap.wrap(answer_in_words(result), int(width / (_ANSWER * _BOLD_CHARACTER))),
        textwrap.wrap(file, characters),
        textwrap.wrap(explanation.about, characters),
    )


def _name(path: str, most: int = 48) -> str:
    name = path.rsplit("/", 1)[-1]
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 :]}"
