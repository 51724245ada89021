"""A video: a film with heat on its frames, or a contact sheet; the sound's track below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.ticker import FuncFormatter
from PIL import Image, ImageDraw

from perceiver_cli.explanations import Explanation, SoundMap, VideoMap, WindowMaps
from perceiver_cli.report.drawings.animate import encode_film
from perceiver_cli.report.drawings.colours import FAINT, INK, Scale, heat_on_crop
from perceiver_cli.report.drawings.picture import fitted
from perceiver_cli.report.drawings.sheet import MIN_WIDTH, Sheet, heading, heading_height
from perceiver_cli.report.drawings.track import draw_waveform

_UNIT, _MARGIN, _GAP, _LABEL, _TRACK = 14, 24, 12, 24, 84
_PANEL, _THUMB, _SIDE = 480, 170, 132
# Width of a frame's time, such as "12345.67 s".
_TIME = 72

# The waveform of a sound on a page: left, top and right in pixels, start and length in seconds.
Track = tuple[float, float, float, float, float]

# Colours of the streams in the bar of shares, which are not those of heat.
_TONES = ((90, 150, 200), (170, 178, 190), (60, 100, 110))


def draw_video(explanation: Explanation, ending: str) -> bytes:
    """Draws a film as .mp4, .webp or .gif, or otherwise a contact sheet."""
    if ending in (".mp4", ".webp", ".gif"):
        return draw_film(explanation, ending)
    return draw_contact_sheet(explanation, ending)


def draw_film(explanation: Explanation, ending: str) -> bytes:
    """The frames that the model read beside the same frames under the last map, at their times.

    With sound, its waveform is below, with a cursor, and the share of each stream.
    """
    scale = _scale(explanation)
    frames, seconds = [], []
    for index, window in enumerate(explanation.windows, 1):
        attribution = window.map_of("video", VideoMap)
        count = len(explanation.windows)
        label = f"window {index} of {count}, " if count > 1 else ""
        page, corner, track = _film_page(explanation, window, scale)
        times = attribution.times_s
        for number, time in enumerate(times):
            frame = fitted(window.shown[number], _PANEL, _PANEL)
            values = attribution.values[-1, number]
            heat, _ = heat_on_crop(scale, frame, values, attribution.box, explanation.shown_size)
            drawn = Image.fromarray(page)
            for column, pixels in enumerate((frame, heat)):
                x = corner[0] + column * (frame.shape[1] + _GAP)
                drawn.paste(Image.fromarray(pixels), (x, corner[1]))
            pen = ImageDraw.Draw(drawn)
            if track:
                left, top, right, begin, length = track
                x = left + (right - left) * min(1.0, max(0.0, (time - begin) / length))
                pen.line((x, top, x, top + _TRACK), fill=INK, width=2)
            pen.text(
                (corner[0] + 8, corner[1] + 8),
                f"{label}{time:.2f} s",
                fill="white",
                stroke_width=2,
                stroke_fill="black",
                font_size=18,
            )
            frames.append(np.asarray(drawn))
        gaps = [b - a for a, b in pairwise(times)]
        usual = float(np.median(gaps)) if gaps else 0.5
        seconds += [max(0.04, gap) for gap in [*gaps, usual]]
    return encode_film(frames, seconds, ending)


def draw_contact_sheet(explanation: Explanation, ending: str) -> bytes:
    """A row of frames for each map, and for each window; the track of its sound below each."""
    scale = _scale(explanation)
    windows = explanation.windows
    # One map for each of several windows, to limit the size of the page.
    last = len(explanation.names) - 1
    shown: Sequence[int] = range(last + 1) if len(windows) == 1 else [last]
    frame = fitted(windows[0].shown[0], _THUMB, _THUMB)
    high, wide = frame.shape[:2]
    count = max(len(window.shown) for window in windows)
    # Narrow frames keep the distance that their times need.
    cell = max(wide, _TIME)
    page = 2 * _MARGIN + _SIDE + max(MIN_WIDTH * _UNIT, count * (cell + _GAP) - _GAP)
    top = round(heading_height(explanation, page - 2 * _MARGIN, _UNIT))
    heights = [
        _LABEL + (1 + len(shown)) * (high + _GAP) + ("audio" in window.maps) * (_TRACK + 40)
        for window in windows
    ]
    sheet = Sheet(page, top + sum(heights) + 56, _UNIT)
    heading(sheet, explanation, _MARGIN, page - _MARGIN)
    y = top
    for number, (window, own) in enumerate(zip(windows, heights, strict=True), 1):
        if len(windows) > 1:
            sheet.text(_MARGIN, y + _LABEL, f"window {number}\nof {len(windows)}")
        _contact_rows(sheet, explanation, window, shown, scale, y, cell)
        if "audio" in window.maps:
            _track(sheet, window, scale, _MARGIN + _SIDE, y + own - _TRACK - 36, page - _MARGIN)
        y += own
    sheet.legend(_MARGIN + _SIDE, sheet.height - 46, scale)
    return sheet.save(ending)


def _contact_rows(
    sheet: Sheet,
    explanation: Explanation,
    window: WindowMaps,
    shown: Sequence[int],
    scale: Scale,
    top: float,
    cell: int,
) -> None:
    attribution = window.map_of("video", VideoMap)
    for column, time in enumerate(attribution.times_s):
        frame = fitted(window.shown[column], _THUMB, _THUMB)
        high = frame.shape[0]
        x = _MARGIN + _SIDE + column * (cell + _GAP)
        sheet.text(x, top, f"{time:.2f} s", size=0.9, color=FAINT)
        sheet.image(x, top + _LABEL, frame)
        for row, index in enumerate(shown, 1):
            values = attribution.values[index, column]
            heat, _ = heat_on_crop(scale, frame, values, attribution.box, explanation.shown_size)
            sheet.image(x, top + _LABEL + row * (high + _GAP), heat)
    for row, index in enumerate(shown, 1):
        y = top + _LABEL + row * (high + _GAP)
        sheet.text(_MARGIN, y, explanation.names[index])
        sheet.text(_MARGIN, y + 22, _shares(window, index, "\n"), size=0.9, color=FAINT)


def _film_page(
    explanation: Explanation, window: WindowMaps, scale: Scale
) -> tuple[np.ndarray, tuple[int, int], Track | None]:
    """The static part of the film: uint8 [h, w, 3], the corner of the frames, and the track."""
    high, wide = fitted(window.shown[0], _PANEL, _PANEL).shape[:2]
    width = 2 * _MARGIN + max(MIN_WIDTH * _UNIT, 2 * wide + _GAP)
    top = round(heading_height(explanation, width - 2 * _MARGIN, _UNIT))
    sounds = "audio" in window.maps
    height = top + high + 16 + sounds * (_TRACK + 74) + 56
    # Codecs halve the size of the colour planes.
    sheet = Sheet(width + width % 2, height + height % 2, _UNIT)
    heading(sheet, explanation, _MARGIN, width - _MARGIN)
    sheet.legend(_MARGIN, sheet.height - 46, scale)
    track: Track | None = None
    if sounds:
        below = top + high + 16
        attribution = window.map_of("audio", SoundMap)
        _track(sheet, window, scale, _MARGIN, below, width - _MARGIN)
        track = (_MARGIN, below, width - _MARGIN, attribution.start_s, attribution.length_s)
        _share_bar(sheet, window, below + _TRACK + 36, width)
    return sheet.pixels(), (_MARGIN, top), track


def _track(
    sheet: Sheet, window: WindowMaps, scale: Scale, left: float, top: float, right: float
) -> None:
    attribution = window.map_of("audio", SoundMap)
    axes = sheet.axes(left, top, right - left, _TRACK)
    draw_waveform(axes, attribution, attribution.values[-1], scale, round(right - left))
    axes.locator_params(axis="x", nbins=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{s:g} s"))


def _share_bar(sheet: Sheet, window: WindowMaps, top: float, width: int) -> None:
    """A bar divided in the shares of attention of the streams."""
    left, full = _MARGIN, width - 2 * _MARGIN
    for (stream, shares), tone in zip(window.shares.items(), _TONES, strict=False):
        wide = round(full * float(shares[-1]))
        colour = np.array(tone, np.uint8)
        if wide:
            sheet.image(left, top, np.broadcast_to(colour, (8, wide, 3)))
        # Does not overlap even if a share is close to zero.
        words = f"{stream} {shares[-1]:.0%}"
        at_end = left > _MARGIN
        x = width - _MARGIN if at_end else left
        sheet.text(x, top + 12, words, size=0.9, color=FAINT, ha="right" if at_end else "left")
        left += wide


def _shares(window: WindowMaps, index: int, between: str) -> str:
    return between.join(f"{name} {share[index]:.0%}" for name, share in window.shares.items())


def _scale(explanation: Explanation) -> Scale:
    return Scale.over(
        attribution.values for window in explanation.windows for attribution in window.maps.values()
    )
