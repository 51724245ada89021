"""A sound: its waveform, and its spectrogram under each map, a column for each window."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.ticker import FuncFormatter

from perceiver_cli.explanations import Explanation, SoundMap
from perceiver_cli.report.drawings.colours import FAINT, Scale, grey_limits
from perceiver_cli.report.drawings.sheet import Sheet, heading, heading_height
from perceiver_cli.report.drawings.track import draw_spectrogram, draw_waveform
from perceiver_cli.report.words import count

_UNIT, _MARGIN, _GAP = 15, 30, 16
_HERTZ, _ROW, _LABEL = 62, 150, 26
# Widths in pixels: of a single window, and of each of several.
_ONE, _EACH = 900, 420


def draw_sound(explanation: Explanation, ending: str) -> bytes:
    """A row for the waveform and one for each map; a column for each window."""
    windows = [window.map_of("audio", SoundMap) for window in explanation.windows]
    scale = Scale.over(window.values for window in windows)
    # One scale for all windows, so that quiet windows look quiet.
    loudest = max(float(np.abs(window.samples).max()) for window in windows)
    greys = grey_limits(window.spectrum for window in windows)
    width = _ONE if len(windows) == 1 else _EACH * len(windows)
    rows = 1 + len(explanation.names)
    page = 2 * _MARGIN + _HERTZ + width + _GAP * (len(windows) - 1)
    top = round(heading_height(explanation, page - 2 * _MARGIN, _UNIT))
    height = top + rows * (_LABEL + _ROW + _GAP) + 24 + 50
    sheet = Sheet(page, height, _UNIT)
    heading(sheet, explanation, _MARGIN, page - _MARGIN)

    total = sum(window.length_s for window in windows)
    left = _MARGIN + _HERTZ
    for number, window in enumerate(windows):
        wide = round(width * window.length_s / total)
        for row in range(rows):
            y = top + row * (_LABEL + _ROW + _GAP) + _LABEL
            axes = sheet.axes(left, y, wide, _ROW)
            if row == 0:
                draw_waveform(axes, window, window.values[-1], scale, wide, loudest)
            else:
                draw_spectrogram(axes, window, window.values[row - 1], scale, greys)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s:g} s"))
            axes.tick_params(labelbottom=row == rows - 1, labelleft=number == 0 and row > 0)
            last = number == len(windows) - 1
            axes.locator_params(axis="x", nbins=6, prune=None if last else "upper")
            if number == 0:
                name = "waveform" if row == 0 else explanation.names[row - 1]
                sheet.text(left, y - _LABEL + 2, name)
        left += wide + _GAP
    words = _omissions(windows, len(explanation.result.segments))
    if words:
        sheet.text(page - _MARGIN, height - 46, words, size=0.85, color=FAINT, ha="right")
    sheet.legend(_MARGIN + _HERTZ, height - 46, scale)
    return sheet.save(ending)


def _omissions(windows: list[SoundMap], read: int) -> str:
    """What is not drawn, or was not read; empty if there is no such thing."""
    if len(windows) < read:
        return f"drawn: {len(windows)} of {count(read, 'window')}, the clearest"
    if any(b.start_s > a.start_s + a.length_s + 0.01 for a, b in pairwise(windows)):
        return f"{len(windows)} windows were read; the sound between them was not"
    return ""
