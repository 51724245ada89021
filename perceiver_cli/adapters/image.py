"""Pictures: a square crop, cut into small patches (or single pixels) with 2D position features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters.base import Adapter, ChannelGroup, heaviest_blocks
from perceiver_cli.adapters.cosine_transform import pixel_transform, value_groups
from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.adapters.patches import append_positions, check_divides, patchify
from perceiver_cli.adapters.pixels import crop_box, normalise_pixels, pixel_box
from perceiver_cli.explanations import PictureMap
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.results import Focus


class ImageAdapter(Adapter):
    """One stream "image": a grid of elements, each of pixel values + position channels."""

    modality = "image"

    def __init__(self, recipe: ImageRecipe) -> None:
        self.recipe = recipe
        if recipe.chroma == "half":
            check_divides("blocks of chroma", 2, "size", recipe.size)
        if recipe.windows == "none":
            check_divides("patch", recipe.patch, "size", recipe.size)
            self.side = recipe.size // recipe.patch
        else:
            check_divides("4", 4, "size", recipe.size)
            if recipe.values != "pixels":
                raise ValueError(f"windows are of pixels, not of {recipe.values}")
            self.side = recipe.size // 4 - (recipe.windows == "valid")
        self.transform = pixel_transform(recipe.values, (recipe.patch, recipe.patch))
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)
        grid = (self.side, self.side)
        self.fixed_positions = GridFeatures(self.bands, *grid) if recipe.positions else None

    def training_recipe(self) -> Any:
        """See Adapter: the whole centre square is decoded, and random crops are taken from it."""
        return replace(self.recipe, crop=1.0)

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        if self.recipe.windows == "none":
            side = self.recipe.patch
            values = value_groups("image", self.recipe.values, f"{side}x{side} pixels", 3 * side**2)
        else:
            values = [ChannelGroup("image", "RGB of 9 windows of 7x7 pixels", 9 * 3 * 7**2)]
        if not self.recipe.positions:
            return values
        return [
            *values,
            ChannelGroup("image", "position y, x", 2),
            ChannelGroup("image", "sin, cos of position", 4 * self.bands.count),
        ]

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """uint8 [B, S, S, 3] -> normalised float32 [B, 3, S, S]."""
        pixels = arrays["image"].permute(0, 3, 1, 2)
        return {"image": normalise_pixels(pixels, self.recipe)}

    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 3, S, S] -> "image": [B, M, values + position]."""
        values = self.element_values(features)["image"]
        return {
            "image": append_positions(values, self.fixed_positions)
            if self.fixed_positions
            else values
        }

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 3, S, S] -> "image": [B, M, values]."""
        recipe, pixels = self.recipe, features["image"]
        if recipe.windows == "none":
            values = patchify(pixels, (recipe.patch, recipe.patch))
            values = self.transform(values) if self.transform else values
        else:
            values = pooled_windows(pixels, self.side, before=2 if recipe.windows == "same" else 3)
        return {"image": values.flatten(1, -2)}

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """See Adapter. Regions are pixel boxes in the original picture."""
        location = window.location
        return [
            [
                Focus(pixel_box(rows, columns, self.side, location), round(share, 4))
                for (rows, columns), share in found
            ]
            for found in heaviest_blocks(mass.reshape(-1, self.side, self.side), (4, 4))
        ]

    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> PictureMap:
        """See Adapter: float [maps, M] -> [maps, side, side] over the crop."""
        return PictureMap(values.reshape(-1, self.side, self.side), crop_box(window.location))


def pooled_windows(pixels: Tensor, side: int, before: int) -> Tensor:
    """The pixels that a 7x7 convolution with 3x3 max pooling reads for each output.

    Windows beyond the last position repeat the last one, which does not change the maximum.

    Args:
        pixels: float [B, 3, S, S].
        side: s, outputs along each side, 4 pixels apart.
        before: Zeros padded to the left and the top. To the right and the bottom it is 3.

    Returns:
        [B, s, s, 9 * 147]: nine windows, 2 pixels apart, each ordered as a kernel's [3, 7, 7].
    """
    size = pixels.shape[-1]
    columns = functional.unfold(functional.pad(pixels, (before, 3, before, 3)), 7, stride=2)
    positions = (size + before + 3 - 7) // 2 + 1
    columns = columns.unflatten(-1, (positions, positions))
    nearest = (2 * torch.arange(side)[:, None] + torch.arange(3)).clamp_max(positions - 1)
    windows = columns[:, :, nearest][..., nearest]  # [B, 147, s, 3, s, 3]
    result: Tensor = windows.permute(0, 2, 4, 3, 5, 1).flatten(3)
    return result
