"""Specifications for loaders: windows, rates and sizes that a model reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from perceiver_cli.media.windows import Coverage


@dataclass(frozen=True)
class SoundSpec:
    """Input of a sound model: mono at `rate`, windows of at most window_s seconds.

    A longer file gives evenly spaced windows: as many as cover it, at most max_windows; or those of
    `coverage`. A shorter one gives one window, the whole file.
    """

    rate: int
    window_s: float
    max_windows: int
    coverage: Coverage = field(default_factory=Coverage)


@dataclass(frozen=True)
class VideoSpec:
    """Input of a video model: `frames` evenly spaced frames per window.

    Frames are scaled down on decoding so that their shorter side is about short_side (never up),
    and if shown_side is larger, also to that, to be looked at. sound_rate: None: no sound.
    """

    frames: int
    window_s: float
    max_windows: int
    short_side: int
    sound_rate: int | None
    coverage: Coverage = field(default_factory=Coverage)
    shown_side: int = 0

    @property
    def sides(self) -> tuple[int, ...]:
        """The shorter sides of decoded frames: that for the model first."""
        larger = self.shown_side > self.short_side
        return (self.short_side, self.shown_side) if larger else (self.short_side,)


@dataclass(frozen=True)
class PictureSpec:
    """Input of a picture model: the shorter side is decoded to at least this many pixels.

    None: at full size.
    """

    at_least: int | None
