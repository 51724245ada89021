"""3D shapes: the number of points that the model reads, in the unit ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from perceiver_cli.array_types import Int64Array
from perceiver_cli.media.axes import to_file_axes
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import Media, PointCloud
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.preparation.signal import shape_signal
from perceiver_cli.settings import Count, FourierBands, Positive


@dataclass(frozen=True)
class PointCloudRecipe:
    """The recipe for converting a shape to a byte array.

    Positions are the coordinates relative to their mean, over the largest distance from it, z up.

    Attributes:
        modality: "pointcloud".
        points: Elements M of the byte array.
        bands: See fourier.Bands, as for the two that follow.
        highest: Highest frequency.
        spacing: How the frequencies are spaced.
    """

    modality: Literal["pointcloud"] = "pointcloud"
    points: Count = 1024
    bands: FourierBands = 24
    highest: Positive = 32.0
    spacing: Literal["linear", "log"] = "log"


@dataclass(frozen=True)
class PointCloudPreparation(Preparation):
    """Moves and scales a shape's points into the unit ball: one window with "pointcloud"."""

    recipe: PointCloudRecipe

    def load(self, source: Source, format: str) -> PointCloud:
        """See Preparation."""
        from perceiver_cli.media.pointcloud import load_points

        return load_points(source, format, self.recipe.points)

    def windows(self, media: Media) -> list[Window]:
        """The points that the model reads, moved and scaled into the unit ball.

        Args:
            media: A PointCloud, whose points float64 [N, 3] are in the file's units, z up.

        Returns:
            One window with "pointcloud", float32 [points, 3], z up. The "centre" of its location is
            in the file's axes.
        """
        assert isinstance(media, PointCloud)
        points = media.points.astype(np.float64)
        chosen = sample_indices(len(points), self.recipe.points)
        # Scaled by a power of two near the largest coordinate, which is exact, so that neither
        # sums nor squares overflow or vanish.
        _, exponent = np.frexp(np.abs(points).max())
        unit = float(np.ldexp(1.0, exponent - 1))
        scaled = points / unit
        centre = scaled.mean(0)
        centred = scaled - centre
        radius = float(np.linalg.norm(centred, axis=1).max()) or 1.0
        normalised = (centred[chosen] / radius).astype(np.float32)
        placed = to_file_axes(centre * unit, media.up)
        location = {"centre": placed, "radius": radius * unit, "up": media.up}
        return [
            Window({"pointcloud": normalised}, location, shape_signal(centred[chosen] / radius))
        ]


def sample_indices(available: int, count: int, seed: int = 0) -> Int64Array:
    """A fixed random subset of points; if there are too few, some are repeated.

    Args:
        available: Number of points.
        count: Number of points to choose.
        seed: Seed of the random choice.

    Returns:
        int64 [count], indices into the points.
    """
    rng = np.random.default_rng(seed)
    if available >= count:
        return rng.permutation(available)[:count]
    return np.concatenate([np.arange(available), rng.integers(0, available, count - available)])
