"""What every preparation offers: media in, windows of arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perceiver_cli.media.types import Media


@dataclass(frozen=True)
class Window:
    """One stretch of one input in the shape that the model reads.

    arrays: stream -> numpy array of a fixed shape (one item, no batch dimension).
    place: what the adapter needs to lead an element's index back to natural coordinates.
    """

    arrays: dict[str, np.ndarray]
    place: dict[str, Any] = field(default_factory=dict)


class Preparation(ABC):
    """What is done with one input beside the model, under one recipe."""

    @property
    @abstractmethod
    def needs(self) -> Any:
        """What the loader must deliver: one of the specs of media.types."""

    @abstractmethod
    def windows(self, media: Media) -> list[Window]:
        """Fixed-shape arrays of each window of an input."""
