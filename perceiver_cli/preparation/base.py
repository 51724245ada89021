"""The interface of preparations, which convert media to windows of arrays."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_cli.errors import UsageError
from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.media.types import Media
from perceiver_cli.media.windows import Coverage
from perceiver_cli.preparation.signal import Signal

# Streams, each with the shape of its array.
Shapes = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Window:
    """A part of one input, as arrays of the shapes that the model reads.

    Attributes:
        arrays: Stream -> array of a fixed shape, without batch dimension.
        location: Position of the window in the input, with which the adapter maps the index of an
            element to natural coordinates.
        signal: "present", or why there is nothing to classify.
    """

    arrays: dict[str, np.ndarray]
    location: dict[str, Any] = field(default_factory=dict)
    signal: Signal = "present"

    @property
    def has_signal(self) -> bool:
        """Whether the window has anything to classify."""
        return self.signal == "present"

    @property
    def shapes(self) -> Shapes:
        """The arrays' shapes: windows of equal shapes fit into one batch."""
        return tuple((name, array.shape) for name, array in self.arrays.items())


# Shorter sides, in pixels, of previews: (of pictures, of a video's frames). Large ones for
# attention pictures, small ones for thumbnails.
LARGE_PREVIEW, SMALL_PREVIEW = (1500, 480), (200, 200)


@dataclass(frozen=True)
class Preview:
    """An input as shown to people, for drawing an explanation on it.

    Attributes:
        frames: For each window, uint8 [T, h, w, 3] of a video or [h, w, 3] of a picture; empty
            for sounds and shapes, which are drawn from what the model reads.
        size: Width and height of the original in pixels.
    """

    frames: tuple[np.ndarray, ...] = ()
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class ReadOptions:
    """How much of sounds and films is read.

    Attributes:
        whole: Whether sounds of up to WHOLE_S seconds are read whole.
        timeline: Whether all files are, whatever their length.
        windows: Number of evenly spaced windows to read instead; None: the recipe's number.
        hop_s: Seconds from one window to the next where a file is read whole; None: half a window.

    Raises:
        UsageError: Both timeline and windows are given.
    """

    whole: bool = True
    timeline: bool = False
    windows: int | None = None
    hop_s: float | None = None

    def __post_init__(self) -> None:
        if self.timeline and self.windows:
            raise UsageError("timeline and windows cannot be combined")

    def coverage(self, window_s: float, whole_s: float, part: WindowRange | None) -> Coverage:
        """The windows that a loader must read.

        Args:
            window_s: Seconds of a window.
            whole_s: Maximum length in seconds of files that are read whole by default.
            part: The windows to load; None: the first ones.
        """
        whole = math.inf if self.timeline else whole_s * self.whole
        first, count = part or (0, FIRST_WINDOWS)
        return Coverage(
            0.0 if self.windows else whole,
            self.hop_s or window_s / 2,
            self.timeline,
            first,
            count,
        )


# Maximum length of sounds that are read whole, in seconds, and the number of windows of a long
# input that are loaded first: whole batches of inputs are read ahead, so it is small.
WHOLE_S = 600.0
FIRST_WINDOWS = 16


class Preparation(ABC):
    """Loads inputs and cuts them into windows, under one recipe.

    Runs in decoding processes, so it imports no torch and can be pickled.
    """

    @abstractmethod
    def load(self, source: Source, format: str) -> Media:
        """Decodes what the recipe needs of a file.

        Args:
            source: The file.
            format: Its format, as detection names it.

        Raises:
            InputError: The file cannot be decoded.
        """

    @abstractmethod
    def windows(self, media: Media) -> list[Window]:
        """Cuts an input into windows.

        Args:
            media: What `load` returned.

        Returns:
            Arrays of a fixed shape for each window, with its location and signal.
        """

    def for_preview(self, picture_side: int, frame_side: int) -> Preparation:
        """A copy that loads pictures and frames large enough to show to people.

        Args:
            picture_side: Minimum shorter side of a still picture in pixels.
            frame_side: Minimum shorter side of a video's frames in pixels.
        """
        return self

    def for_stream(self, modality: str) -> Preparation:
        """A copy that reads one stream alone of an input that has several.

        Args:
            modality: What the stream alone is, one of the input's Modality.read_as.
        """
        return self

    def for_reading(self, read_options: ReadOptions, part: WindowRange | None) -> Preparation:
        """A copy that reads a given part of a file.

        Args:
            read_options: How much of a file is read.
            part: The windows to load; None: the first ones.
        """
        return self

    def preview(self, media: Media) -> Preview:
        """The input as shown to people.

        Args:
            media: What `load` returned.
        """
        return Preview()
