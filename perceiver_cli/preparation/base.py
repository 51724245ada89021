"""What every preparation offers: media in, windows of arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_cli.media.types import Media, Source
from perceiver_cli.preparation.signal import Signal


@dataclass(frozen=True)
class Window:
    """One stretch of one input in the shape that the model reads.

    arrays: stream -> numpy array of a fixed shape (one item, no batch dimension).
    location: what the adapter needs to lead an element's index back to natural coordinates.
    signal: whether it holds anything to classify.
    """

    arrays: dict[str, np.ndarray]
    location: dict[str, Any] = field(default_factory=dict)
    signal: Signal = "present"


# The shorter side in pixels of pictures and of a video's frames, for people to see: drawn large, or
# as thumbnails.
LARGE_VIEW, SMALL_VIEW = (1500, 480), (200, 200)


@dataclass(frozen=True)
class View:
    """What people see of an input.

    frames: for each window uint8 [T, h, w, 3] of a video, or one picture [h, w, 3]; empty where
    there is nothing to see but what the model reads. size: width and height of the original.
    """

    frames: tuple[np.ndarray, ...] = ()
    size: tuple[int, int] | None = None


class Preparation(ABC):
    """What is done with one input beside the model, under one recipe: loading and cutting.

    Runs in decoding processes, so it imports no torch and can be pickled.
    """

    @abstractmethod
    def load(self, source: Source, format: str) -> Media:
        """Decodes what the recipe needs of a file.

        Args:
            format: the name that detection gives the file's format.

        Raises:
            InputError: The file cannot be decoded.
        """

    @abstractmethod
    def windows(self, media: Media) -> list[Window]:
        """Fixed-shape arrays of each window of an input."""

    def for_viewing(self, picture_side: int, frame_side: int) -> Preparation:
        """The same, loading pictures and frames large enough for people to see.

        Args:
            picture_side: pixels of the shorter side of a still picture, at least.
            frame_side: the same of a video's frames.
        """
        return self

    def view(self, media: Media) -> View:
        """What people see of an input beside the model's arrays."""
        return View()
