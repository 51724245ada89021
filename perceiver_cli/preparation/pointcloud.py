"""3D shapes: as many points as the model reads, in the unit ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from perceiver_cli.media.types import Media, PointCloud, Source
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.preparation.signal import shape_signal
from perceiver_cli.settings import Count, CountOrZero, Positive


@dataclass(frozen=True)
class PointCloudRecipe:
    """How a shape becomes a byte array.

    points: elements M; bands, highest, spacing: see fourier.Bands. Positions are the centred
    coordinates over the largest radius, z up.
    """

    modality: Literal["pointcloud"] = "pointcloud"
    points: Count = 1024
    bands: CountOrZero = 24
    highest: Positive = 32.0
    spacing: Literal["linear", "log"] = "log"


@dataclass(frozen=True)
class PointCloudPreparation(Preparation):
    """One window with "pointcloud"."""

    recipe: PointCloudRecipe

    def load(self, source: Source, format: str) -> PointCloud:
        """See Preparation."""
        from perceiver_cli.media.pointcloud import load_points

        return load_points(source, format, self.recipe.points)

    def windows(self, media: Media) -> list[Window]:
        """PointCloud -> one window with "pointcloud": float32 [points, 3] in the unit ball."""
        assert isinstance(media, PointCloud)
        points = media.points.astype(np.float64)
        chosen = choose_points(len(points), self.recipe.points)
        centre = points.mean(0)
        centred = points - centre
        radius = float(np.linalg.norm(centred, axis=1).max()) or 1.0
        normalised = (centred[chosen] / radius).astype(np.float32)
        place = {"centre": centre, "radius": radius, "up": media.up}
        return [Window({"pointcloud": normalised}, place, shape_signal(centred[chosen] / radius))]


def choose_points(have: int, want: int, seed: int = 0) -> np.ndarray:
    """Indices [want] into `have` points: a fixed random subset, or all with some drawn again."""
    rng = np.random.default_rng(seed)
    if have >= want:
        return rng.permutation(have)[:want]
    return np.concatenate([np.arange(have), rng.integers(0, have, want - have)])
