"""Attribution in a file's own coordinates: pixels, seconds, points, frames. Plain arrays.

The `values` of every map are shares of mass in multiples of an even share (1 is the share of an
element if all elements had the same). The first axis has one map for each of Explanation.names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from perceiver_cli.choices import Method
from perceiver_cli.results import Classification


@dataclass(frozen=True)
class PictureMap:
    """values: float [maps, rows, columns] over the box (left, top, width, height) in pixels."""

    values: np.ndarray
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class SoundMap:
    """values: float [maps, bands, steps], low frequencies first, each step `step_s` seconds long.

    samples: float32 [S] of length_s from start_s; spectrum: float [mels, frames],
    its log-mel spectrogram over the same steps; edges_hz: float [mels + 1].
    """

    values: np.ndarray
    step_s: float
    start_s: float
    length_s: float
    samples: np.ndarray
    spectrum: np.ndarray
    edges_hz: np.ndarray


@dataclass(frozen=True)
class ShapeMap:
    """values: float [maps, N] at points float [N, 3] in the file's coordinates.

    up: the axis that points up in them.
    """

    values: np.ndarray
    points: np.ndarray
    up: Literal["y", "z"]


@dataclass(frozen=True)
class VideoMap:
    """values: float [maps, T, rows, columns] over the same box of every frame; times_s [T]."""

    values: np.ndarray
    box: tuple[float, float, float, float]
    times_s: np.ndarray


Map = PictureMap | SoundMap | ShapeMap | VideoMap
MapKind = TypeVar("MapKind", PictureMap, SoundMap, ShapeMap, VideoMap)


@dataclass(frozen=True)
class WindowMaps:
    """The attribution of one window of the input.

    maps: by stream; shares: each stream's mass, float [maps]; frames: uint8 [T, h, w, 3] of a
    video to show to people, or one picture [h, w, 3].
    """

    maps: dict[str, Map]
    shares: dict[str, np.ndarray]
    frames: np.ndarray | None = None

    def map_of(self, stream: str, kind: type[MapKind]) -> MapKind:
        """A stream's map, which is of that kind. Raises TypeError for another."""
        found = self.maps[stream]
        if not isinstance(found, kind):
            raise TypeError(f"the map of {stream} is a {type(found).__name__}")
        return found

    @property
    def span_s(self) -> tuple[float, float] | None:
        """Start and end of the window in seconds; None for pictures and shapes.

        Without sound, those of a video's first and last frame.
        """
        for kind in self.maps.values():
            if isinstance(kind, SoundMap):
                return kind.start_s, kind.start_s + kind.length_s
        for kind in self.maps.values():
            if isinstance(kind, VideoMap):
                return float(kind.times_s[0]), float(kind.times_s[-1])
        return None

    @property
    def shown(self) -> np.ndarray:
        """The frames. Raises ValueError if there are none, as for a sound."""
        if self.frames is None:
            raise ValueError("the window has no frames")
        return self.frames


@dataclass(frozen=True)
class Explanation:
    """The elements of a file that its prediction depends on, in every window.

    about: what the method shows, in one line; names: the names of the maps, of which the last is
    shown where there is room for only one; size: (width, height) of a picture or video.
    """

    result: Classification
    method: Method
    about: str
    names: tuple[str, ...]
    windows: tuple[WindowMaps, ...]
    size: tuple[int, int] | None = None

    @property
    def shown_size(self) -> tuple[int, int]:
        """Width and height of the picture or video. Raises ValueError if it is neither."""
        if self.size is None:
            raise ValueError("the input has no size in pixels")
        return self.size
