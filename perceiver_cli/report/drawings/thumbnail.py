"""A file as a thumbnail, and the same with its heat map. Needs no matplotlib."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from perceiver_cli import modalities
from perceiver_cli.explanations import (
    Explanation,
    PictureMap,
    ShapeMap,
    SoundMap,
    VideoMap,
    WindowMaps,
)
from perceiver_cli.media.axes import to_z_up
from perceiver_cli.report.drawings.colours import (
    BACKGROUND,
    Scale,
    enlarge,
    grey_limits,
    heat_on_crop,
    in_grey,
)

# Rotation and elevation of the camera, as in the first view of a shape's drawing.
_TURN, _TILT = np.radians(30), np.radians(22)
_FRAMES = 3

_GREY = np.array((169, 175, 185), np.uint8)


@dataclass(frozen=True)
class Thumbnail:
    """A small drawing of a file.

    Attributes:
        plain: The file itself, uint8 [height, width, 3].
        heat: The same with the last map as a heat map, uint8 [height, width, 3].
        caption: Which seconds of a sound or film it shows; empty for what has no time.
    """

    plain: np.ndarray
    heat: np.ndarray
    caption: str = ""


def thumbnail(explanation: Explanation, side: int) -> Thumbnail:
    """A picture, a waveform over its spectrogram, a shape, or some frames.

    If there are several windows, the one with the highest score of the answer is shown.

    Args:
        explanation: The explanation to show.
        side: The longer side of a picture or shape in pixels; sounds and videos are twice as wide.
    """
    window = _shown_window(explanation)
    scale = Scale.over(attribution.values[-1] for attribution in window.maps.values())
    drawn: Thumbnail = modalities.part(explanation.result.modality, "thumbnail")(
        explanation, window, scale, side
    )
    return replace(drawn, caption=_caption(explanation, window))


def _shown_window(explanation: Explanation) -> WindowMaps:
    """The window that a thumbnail shows."""
    # The explanation of a long file has its clearest window only.
    several = len(explanation.windows) > 1
    return explanation.windows[explanation.result.clearest_segment if several else 0]


def _caption(explanation: Explanation, window: WindowMaps) -> str:
    """ "2 s to 4 s of 10 s: the window with the clearest answer"."""
    if window.span_s is None:
        return ""
    start, end = (f"{second:.2f}".rstrip("0").rstrip(".") for second in window.span_s)
    total = explanation.result.input.get("duration_s")
    of_all = f" of {total:g} s" if total else ""
    several = len(explanation.result.segments) > 1
    why = ": the window with the clearest answer" if several else ""
    return f"{start} s to {end} s{of_all}{why}"


def picture_thumbnail(
    explanation: Explanation, window: WindowMaps, scale: Scale, side: int
) -> Thumbnail:
    """The picture.

    Args:
        explanation: The explanation to show.
        window: The window to show.
        scale: The colours of the heat.
        side: The longer side of the thumbnail in pixels.
    """
    return _pair(explanation, window, window.shown, window.maps["image"].values[-1], scale, side)


def _pair(
    explanation: Explanation,
    window: WindowMaps,
    pixels: np.ndarray,
    values: np.ndarray,
    scale: Scale,
    side: int,
) -> Thumbnail:
    """A picture or a frame; values: [rows, columns] of the crop that was read."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    (box,) = (m.box for m in window.maps.values() if isinstance(m, (PictureMap, VideoMap)))
    heat, _ = heat_on_crop(scale, small, values, box, explanation.shown_size)
    return Thumbnail(small, heat)


def video_thumbnail(
    explanation: Explanation, window: WindowMaps, scale: Scale, side: int
) -> Thumbnail:
    """The first, a middle and the last frame side by side; the waveform of the sound below.

    Args:
        explanation: The explanation to show.
        window: The window to show.
        scale: The colours of the heat.
        side: Half the width of the thumbnail in pixels.
    """
    count = len(window.shown)
    chosen = sorted({0, count // 2, count - 1})[:_FRAMES]
    each = 2 * side // _FRAMES
    values = window.maps["video"].values[-1]
    pairs = [_pair(explanation, window, window.shown[i], values[i], scale, each) for i in chosen]
    plain = np.concatenate([pair.plain for pair in pairs], 1)
    heat = np.concatenate([pair.heat for pair in pairs], 1)
    if "audio" in window.maps:
        attribution = window.map_of("audio", SoundMap)
        wide, high = plain.shape[1], side // 4
        level = attribution.values[-1].mean(0)
        plain = np.concatenate([plain, _wave(attribution, wide, high, None, scale)])
        heat = np.concatenate([heat, _wave(attribution, wide, high, level, scale)])
    return Thumbnail(plain, heat)


def sound_thumbnail(
    explanation: Explanation, window: WindowMaps, scale: Scale, side: int
) -> Thumbnail:
    """The waveform; for the heat, the spectrogram under it with low frequencies below.

    Args:
        explanation: The explanation to show.
        window: The window to show.
        scale: The colours of the heat.
        side: Half the width of the thumbnail in pixels.
    """
    attribution, wide, high = window.map_of("audio", SoundMap), 2 * side, side * 2 // 3
    grey = in_grey(attribution.spectrum, grey_limits([attribution.spectrum]))
    pixels = enlarge(grey, high, wide)[::-1]
    heat = scale.overlay(pixels, enlarge(attribution.values[-1], high, wide)[::-1])
    return Thumbnail(_wave(attribution, wide, high, None, scale), heat)


def _wave(
    attribution: SoundMap, wide: int, high: int, values: np.ndarray | None, scale: Scale
) -> np.ndarray:
    """The waveform in grey, or coloured by the values of its steps: uint8 [high, wide, 3]."""
    edges = np.linspace(0, len(attribution.samples), wide + 1).astype(int)[:-1]
    loudest = max(float(np.abs(attribution.samples).max()), 1e-6)
    low = np.minimum.reduceat(attribution.samples, edges) / loudest
    peak = np.maximum.reduceat(attribution.samples, edges) / loudest
    level = np.linspace(1, -1, high)[:, None]
    inside = (level <= np.maximum(peak, 1.5 / high)) & (level >= np.minimum(low, -1.5 / high))
    colours = np.broadcast_to(_GREY, (wide, 3))
    if values is not None:
        colours = scale.colours(values[np.arange(wide) * len(values) // wide])
    return np.where(inside[..., None], colours[None], _empty(high, wide))


def shape_thumbnail(
    explanation: Explanation, window: WindowMaps, scale: Scale, side: int
) -> Thumbnail:
    """The points from the front, a little from the right and above, near ones over far ones.

    Args:
        explanation: The explanation to show.
        window: The window to show.
        scale: The colours of the heat.
        side: The width and height of the thumbnail in pixels.
    """
    attribution = window.map_of("pointcloud", ShapeMap)
    x, y, z = (attribution.points if attribution.up == "z" else to_z_up(attribution.points)).T
    across = x * np.cos(_TURN) + y * np.sin(_TURN)
    away = y * np.cos(_TURN) - x * np.sin(_TURN)
    up = z * np.cos(_TILT) + away * np.sin(_TILT)
    depth = away * np.cos(_TILT) - z * np.sin(_TILT)
    middle = [(v.max() + v.min()) / 2 for v in (across, up)]
    reach = max(np.ptp(across), np.ptp(up)) / 2 or 1.0
    column = (side / 2 + 0.46 * side * (across - middle[0]) / reach).astype(int)
    row = (side / 2 - 0.46 * side * (up - middle[1]) / reach).astype(int)
    order = np.argsort(-depth, kind="stable")
    nearness = np.ptp(depth) and (depth.max() - depth) / np.ptp(depth)
    shaded = (_GREY * (0.45 + 0.55 * np.broadcast_to(nearness, len(x)))[:, None]).astype(np.uint8)
    colours = scale.colours(attribution.values[-1])
    plain, heat = _empty(side, side), _empty(side, side)
    _dot(plain, row[order], column[order], shaded[order])
    # The heaviest points are drawn last, so that no other point hides them.
    order = attribution.values[-1].argsort(kind="stable")
    _dot(heat, row[order], column[order], colours[order])
    return Thumbnail(plain, heat)


def _dot(canvas: np.ndarray, row: np.ndarray, column: np.ndarray, colours: np.ndarray) -> None:
    """Squares of 3 x 3 pixels, each over those before it."""
    for down, right, colour in zip(row, column, colours, strict=True):
        canvas[max(0, down - 1) : down + 2, max(0, right - 1) : right + 2] = colour


def _empty(high: int, wide: int) -> np.ndarray:
    background = [int(BACKGROUND[i : i + 2], 16) for i in (1, 3, 5)]
    return np.broadcast_to(np.array(background, np.uint8), (high, wide, 3)).copy()
