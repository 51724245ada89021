"""Pictures: a square crop, cut into small patches (or single pixels) with 2D position features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from perceiver_cli.adapters.base import Adapter, ChannelGroup, Window, heaviest_blocks
from perceiver_cli.adapters.fourier import Bands, fourier_features, grid_positions
from perceiver_cli.maps import PictureMap
from perceiver_cli.media.types import Media, Picture, PictureSpec
from perceiver_cli.results import Focus


@dataclass(frozen=True)
class ImageRecipe:
    """How a picture becomes a byte array.

    size: side of the square the model reads, in pixels; crop: the share of the shorter side that
    the centre crop keeps; mean, std: of RGB in [0, 1]; patch: side of a patch (1: single pixels);
    bands, highest, spacing: see fourier.Bands, over the grid of patches.
    """

    modality: str = "image"
    size: int = 64
    crop: float = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    patch: int = 4
    bands: int = 16
    highest: float = 8.0
    spacing: str = "linear"


class ImageAdapter(Adapter):
    """One stream "image": (size/patch)^2 elements of 3 patch^2 + position channels."""

    modality = "image"

    def __init__(self, recipe: ImageRecipe) -> None:
        self.recipe = recipe
        check_divides("patch", recipe.patch, "size", recipe.size)
        self.side = recipe.size // recipe.patch
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)
        self.positions = fourier_features(grid_positions(self.side, self.side), self.bands)

    @property
    def needs(self) -> PictureSpec:
        """At least twice the model's size, so that the final resampling is what counts."""
        return PictureSpec(at_least=round(2 * self.recipe.size / self.recipe.crop))

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        return [
            ChannelGroup(
                "image",
                f"RGB of {self.recipe.patch}x{self.recipe.patch} pixels",
                3 * self.recipe.patch**2,
            ),
            ChannelGroup("image", "position y, x", 2),
            ChannelGroup("image", "sin, cos of position", 4 * self.bands.count),
        ]

    def prepare(self, media: Media) -> list[Window]:
        """Picture -> one window with "image": uint8 [size, size, 3]."""
        assert isinstance(media, Picture)
        height, width = media.pixels.shape[:2]
        side = max(1, int(self.recipe.crop * min(height, width)))
        left, top = (width - side) // 2, (height - side) // 2
        square = Image.fromarray(media.pixels).resize(
            (self.recipe.size, self.recipe.size),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
        )
        place = square_place(media.width / width, media.height / height, left, top, side)
        return [Window({"image": np.asarray(square)}, place)]

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """uint8 [B, S, S, 3] -> normalised float32 [B, 3, S, S]."""
        pixels = arrays["image"].permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (self.recipe.mean, self.recipe.std))
        return {"image": (pixels - mean) / std}

    def elements(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 3, S, S] -> "image": [B, (S/P)^2, 3 P^2 + position]."""
        patches = patchify(features["image"], (self.recipe.patch, self.recipe.patch))
        return {"image": with_positions(patches, self.positions)}

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[Focus]:
        """The heaviest regions of the stream, heaviest first."""
        found = heaviest_blocks(mass.reshape(self.side, self.side), (4, 4))
        place = window.place
        return [
            Focus(pixel_box(rows, columns, self.side, place), round(share, 4))
            for (rows, columns), share in found
        ]

    def layout(self, stream: str, values: np.ndarray, window: Window) -> PictureMap:
        """Values of the elements on the crop: float [maps, M] -> [maps, side, side]."""
        return PictureMap(values.reshape(-1, self.side, self.side), crop_box(window.place))


def check_divides(part: str, size: int, whole: str, total: int) -> None:
    """Raises ValueError if patches of `size` do not fill `total` exactly."""
    if size < 1 or total < size or total % size:
        raise ValueError(f"{part} ({size}) must divide {whole} ({total})")


def patchify(grid: Tensor, patch: tuple[int, ...]) -> Tensor:
    """Cuts [B, channels, s_1, ..., s_d] into patches: [B, s_1/p_1, ..., s_d/p_d, values].

    A patch's values are ordered by place first, then by channel.
    """
    d = len(patch)
    shape = list(grid.shape[:2])
    for size, p in zip(grid.shape[2:], patch, strict=True):
        shape += [size // p, p]
    counts = [2 + 2 * i for i in range(d)]
    inner = [3 + 2 * i for i in range(d)]
    return grid.reshape(shape).permute(0, *counts, *inner, 1).flatten(1 + d)


def with_positions(values: Tensor, positions: Tensor) -> Tensor:
    """[B, s_1, ..., s_d, c] and [s_1, ..., s_d, p] -> the byte array [B, M, c + p]."""
    batch = values.shape[0]
    return torch.cat([values, positions.expand(batch, *positions.shape)], -1).flatten(1, -2)


def square_place(across: float, down: float, left: int, top: int, side: int) -> dict[str, float]:
    """Where a square crop of a reduced decode lies in the original, in pixels.

    across, down: original pixels per decoded pixel.
    """
    return {
        "left": left * across,
        "top": top * down,
        "width": side * across,
        "height": side * down,
    }


def crop_box(place: dict[str, float]) -> tuple[float, float, float, float]:
    """Left, top, width and height of the crop in the original's pixels."""
    return place["left"], place["top"], place["width"], place["height"]


def pixel_box(rows: slice, columns: slice, side: int, place: dict[str, float]) -> dict[str, int]:
    """A block of a side x side grid over a square crop -> a box in the original's pixels."""
    across, down = place["width"] / side, place["height"] / side
    return {
        "x0": round(place["left"] + columns.start * across),
        "y0": round(place["top"] + rows.start * down),
        "x1": round(place["left"] + columns.stop * across),
        "y1": round(place["top"] + rows.stop * down),
    }
