"""Waveforms coloured by attention, and spectrograms under a heat map."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from perceiver_cli.explanations import SoundMap
from perceiver_cli.report.drawings.colours import Scale, enlarge, heat, in_grey

_TICKS_HZ = (100, 500, 1000, 2000, 5000, 10000, 20000)


def draw_waveform(
    axes: Axes,
    sound: SoundMap,
    values: np.ndarray,
    scale: Scale,
    wide: int,
    loudest: float | None = None,
) -> None:
    """The waveform as `wide` vertical lines, each with the colour of its time.

    Args:
        axes: Where to draw.
        sound: The window.
        values: One map, [bands, steps].
        scale: The colours.
        wide: The number of lines: the width of the axes in pixels.
        loudest: The amplitude that reaches the edge; None: the greatest of the window.
    """
    count = min(wide, len(sound.samples))
    edges = np.linspace(0, len(sound.samples), count + 1).astype(int)[:-1]
    low = np.minimum.reduceat(sound.samples, edges)
    high = np.maximum.reduceat(sound.samples, edges)
    loudest = max(float(np.abs(sound.samples).max()) if loudest is None else loudest, 1e-6)
    # Silence is a thin line.
    low, high = np.minimum(low / loudest, -0.02), np.maximum(high / loudest, 0.02)
    times = sound.start_s + (np.arange(count) + 0.5) / count * sound.length_s
    step = ((times - sound.start_s) / sound.step_s).astype(int).clip(0, values.shape[1] - 1)
    strokes = np.stack([np.stack([times, low], -1), np.stack([times, high], -1)], 1)
    colours = heat(scale.level(values.mean(0)[step]))
    # Lines snapped to whole pixels would leave gaps.
    axes.add_collection(LineCollection(list(strokes), colors=colours, linewidths=1, snap=False))
    axes.set_ylim(-1.08, 1.08)
    axes.set_yticks([])
    show_seconds(axes, sound)


def draw_spectrogram(
    axes: Axes, sound: SoundMap, values: np.ndarray, scale: Scale, greys: tuple[float, float]
) -> None:
    """The log-mel spectrogram in grey under the heat of one map, low frequencies below.

    Args:
        axes: Where to draw.
        sound: The window.
        values: One map, [bands, steps].
        scale: The colours.
        greys: The levels that are drawn black and white; see colours.grey_limits.
    """
    mels, frames = sound.spectrum.shape
    drawn = scale.overlay(in_grey(sound.spectrum, greys), enlarge(values, mels, frames))
    end = sound.start_s + values.shape[1] * sound.step_s
    axes.imshow(
        drawn,
        origin="lower",
        aspect="auto",
        extent=(sound.start_s, end, 0, mels),
        interpolation="nearest",
    )
    ticks = [hz for hz in _TICKS_HZ if sound.edges_hz[0] <= hz <= sound.edges_hz[-1]]
    axes.set_yticks(np.interp(ticks, sound.edges_hz, np.arange(mels + 1)))
    axes.set_yticklabels([f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in ticks])
    show_seconds(axes, sound)


def show_seconds(axes: Axes, sound: SoundMap) -> None:
    """Sets the limits of the time axis."""
    axes.set_xlim(sound.start_s, sound.start_s + sound.length_s)
