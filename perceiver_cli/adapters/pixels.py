"""Pixels of pictures and frames: normalised for the model, and as boxes in the original."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.chroma import subsample_chroma
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe


def normalise_pixels(pixels: Tensor, recipe: ImageRecipe | VideoRecipe) -> Tensor:
    """Normalises pixels for the model.

    Args:
        pixels: RGB from 0 to 255, uint8 or float [B, 3, ..., S, S].
        recipe: The recipe, with its chroma, mean and deviation.

    Returns:
        float32, the same shape.
    """
    levels = pixels.float()
    levels = subsample_chroma(levels) if recipe.chroma == "half" else levels
    mean, std = channel_statistics(recipe, pixels.dim())
    return (levels / 255 - mean) / std


def channel_statistics(recipe: ImageRecipe | VideoRecipe, dimensions: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation of RGB in [0, 1], shaped to broadcast.

    Args:
        recipe: The recipe, with its mean and deviation.
        dimensions: Number of dimensions of the batch [B, 3, ...].

    Returns:
        Two of float32 [3, 1, ...].
    """
    shape = (3, *[1] * (dimensions - 2))
    return torch.tensor(recipe.mean).view(shape), torch.tensor(recipe.std).view(shape)


def crop_box(location: dict[str, float]) -> tuple[float, float, float, float]:
    """The crop in the original's pixels.

    Args:
        location: The window's, see square_location.

    Returns:
        Left, top, width and height.
    """
    return location["left"], location["top"], location["width"], location["height"]


def pixel_box(rows: slice, columns: slice, side: int, location: dict[str, float]) -> dict[str, int]:
    """A block of a grid over a square crop as a box in the original's pixels.

    Args:
        rows: The block's rows.
        columns: The block's columns.
        side: Cells along each side of the grid.
        location: The window's, see square_location.

    Returns:
        "x0", "y0", "x1" and "y1"; the ends are excluded.
    """
    across, down = location["width"] / side, location["height"] / side
    return {
        "x0": round(location["left"] + columns.start * across),
        "y0": round(location["top"] + rows.start * down),
        "x1": round(location["left"] + columns.stop * across),
        "y1": round(location["top"] + rows.stop * down),
    }
