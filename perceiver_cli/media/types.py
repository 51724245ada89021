"""Results of loaders: plain numpy arrays in natural units, and facts for reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np


class Media(ABC):
    """The result of a loader.

    Attributes:
        notes: One line for each thing that was left out or repaired.
        total: Number of windows of the whole file, of which these may be some.
        read_whole: Whether they cover all of the file.
    """

    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""


@dataclass(frozen=True)
class Picture(Media):
    """A still picture.

    pixels: uint8 [H, W, 3], RGB, upright; possibly a reduced decode of width x height.
    notes: one line for each thing that was left out or repaired.
    shown: the same at a larger size, to be looked at; None: pixels.
    """

    pixels: np.ndarray
    width: int
    height: int
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    shown: np.ndarray | None = None

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {"width": self.width, "height": self.height, **self.facts}


@dataclass(frozen=True)
class SoundWindow:
    """samples: float32 [S], mono, nominally in [-1, 1]; start_s: its start in the file.

    index: its number within the file, from 0.
    """

    samples: np.ndarray
    start_s: float
    index: int = 0


@dataclass(frozen=True)
class Sound(Media):
    """One or more windows of a sound at `rate` samples per second.

    duration_s is that of the whole file; file_rate and channels are the file's own.
    notes: one line for each thing that was left out or repaired.
    total, read_whole: see Media.
    sound_tracks: how many the file has, of which one is read.
    """

    windows: tuple[SoundWindow, ...]
    rate: int
    duration_s: float
    file_rate: int
    channels: int
    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False
    sound_tracks: int = 1

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {
            "duration_s": round(self.duration_s, 3),
            "sample_rate": self.file_rate,
            "channels": self.channels,
            **_several_tracks(self.sound_tracks),
        }


@dataclass(frozen=True)
class PointCloud(Media):
    """points: float64 [N, 3] in the file's own units, turned so that z points up.

    float64, because clouds in map coordinates are so far from the origin that float32 would lose
    their shape; centre them before reducing the precision.
    `up` is the axis that pointed up in the file ("y" for OBJ and GLB, "z" otherwise).
    notes: one line for each thing that was left out or repaired.
    """

    points: np.ndarray
    kind: Literal["mesh", "cloud"]
    up: Literal["y", "z"]
    vertices: int
    faces: int
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        x, y, z = self.points.max(0) - self.points.min(0)
        in_file = (x, z, y) if self.up == "y" else (x, y, z)
        return {
            "kind": self.kind,
            "vertices": self.vertices,
            "faces": self.faces,
            "up": self.up,
            "extent": [float(f"{length:.5g}") for length in in_file],
        }


@dataclass(frozen=True)
class VideoWindow:
    """frames: uint8 [T, h, w, 3], RGB, upright; times_s: float64 [T], presentation times.

    index: its number within the file, from 0.
    sound: float32 [S], mono samples of the same interval, or None.
    shown: the frames at a larger size, to be looked at; None: frames.
    """

    frames: np.ndarray
    times_s: np.ndarray
    start_s: float
    index: int = 0
    sound: np.ndarray | None = None
    shown: np.ndarray | None = None


@dataclass(frozen=True)
class Video(Media):
    """One or more windows of a video. Frames may be a reduced decode of width x height.

    notes: one line for each thing that was left out or repaired.
    total, read_whole: see Media.
    sound_tracks: how many the file has, of which one is read.
    has_sound: whether the file has sound that can be decoded, also if it is not read.
    """

    windows: tuple[VideoWindow, ...]
    width: int
    height: int
    fps: float | None
    duration_s: float
    sound_rate: int | None = None
    notes: tuple[str, ...] = ()
    total: int = 1
    read_whole: bool = False
    sound_tracks: int = 1
    has_sound: bool = False

    def describe(self) -> dict[str, Any]:
        """Facts for people: the record's `input`."""
        return {
            "width": self.width,
            "height": self.height,
            "duration_s": round(self.duration_s, 3),
            "fps": None if self.fps is None else round(self.fps, 3),
            "sound": self.has_sound,
            **_several_tracks(self.sound_tracks),
        }


def _several_tracks(count: int) -> dict[str, int]:
    return {"sound_tracks": count} if count > 1 else {}
