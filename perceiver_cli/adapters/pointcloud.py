"""3D shapes: a fixed number of points in the unit ball, whose only features are positions."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from perceiver_cli.adapters.base import Adapter, ChannelGroup
from perceiver_cli.adapters.fourier import Bands, fourier_features
from perceiver_cli.explanations import ShapeMap
from perceiver_cli.media.axes import to_file_axes
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.pointcloud import PointCloudRecipe
from perceiver_cli.results import Focus


class PointCloudAdapter(Adapter):
    """One stream "pointcloud": `points` elements of 3 + 6 K channels."""

    modality = "pointcloud"

    def __init__(self, recipe: PointCloudRecipe) -> None:
        self.recipe = recipe
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        return [
            ChannelGroup("pointcloud", "position x, y, z", 3),
            ChannelGroup("pointcloud", "sin, cos of position", 6 * self.bands.count),
        ]

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """float32 [B, points, 3], unchanged."""
        return {"pointcloud": arrays["pointcloud"].float()}

    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float32 [B, M, 3] -> "pointcloud": [B, M, 3 + 6 K]."""
        return {"pointcloud": fourier_features(features["pointcloud"], self.bands)}

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """See Adapter. Regions are octants, as the boxes of their points."""
        points = window.arrays["pointcloud"]
        octant = np.packbits(points >= 0, axis=1, bitorder="little")[:, 0]
        order = np.argsort(octant, kind="stable")
        _, starts = np.unique(octant[order], return_index=True)
        shares = np.add.reduceat(mass[:, order], starts, axis=1)
        points = points[order]
        corners = _to_file_coordinates(
            np.stack([np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)]),
            window,
        )
        # Four decimals, and more of a shape that is smaller than 0.1.
        decimals = max(4, 3 - math.floor(math.log10(window.location["radius"])))
        least, most = (
            [[round(value, decimals) for value in corner] for corner in found.tolist()]
            for found in (corners.min(0), corners.max(0))
        )
        return [
            [
                Focus({"min": least[i], "max": most[i]}, round(own[i], 4))
                for i in sorted(range(len(own)), key=own.__getitem__, reverse=True)[:3]
                if own[i] > 0
            ]
            for own in shares.tolist()
        ]

    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> ShapeMap:
        """See Adapter: float [maps, M]. A point that was sampled twice appears twice."""
        return ShapeMap(
            values, _to_file_coordinates(window.arrays["pointcloud"], window), window.location["up"]
        )


def _to_file_coordinates(points: np.ndarray, window: Window) -> np.ndarray:
    """Points [..., 3] in the unit ball -> float64 in the file's coordinates."""
    sized = points.astype(np.float64) * window.location["radius"]
    placed: np.ndarray = to_file_axes(sized, window.location["up"]) + window.location["centre"]
    return placed
