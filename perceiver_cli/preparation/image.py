"""Pictures: a square crop at the size that the model reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import PictureSpec
from perceiver_cli.media.types import Media, Picture
from perceiver_cli.preparation.base import Preparation, Preview, Window
from perceiver_cli.preparation.resampling import (
    Resample,
    Square,
    centre_square,
    read_square,
)
from perceiver_cli.preparation.signal import square_signal
from perceiver_cli.settings import Count, FourierBands, JpegQuality, Positive, Share, Side


@dataclass(frozen=True)
class ImageRecipe:
    """The recipe for converting a picture to a byte array.

    Attributes:
        modality: "image".
        size: Side of the square that the model reads, in pixels.
        crop: Share of the shorter side that the centre crop keeps.
        mean: Mean of RGB in [0, 1].
        std: Standard deviation of RGB in [0, 1].
        chroma: Resolution of colour: that of the pixels ("full"), or "half" of it, as JPEG files
            store it (see adapters/chroma.py).
        patch: Side of a patch in pixels; 1 for single pixels.
        values: Content of an element: a patch's "pixels", or their "cosines" (see
            adapters/cosine_transform.py).
        bands: See fourier.Bands, as for the two that follow; over the grid of elements.
        highest: Highest frequency.
        spacing: How the frequencies are spaced.
        positions: Whether elements have position features. Without, the model has learned ones.
        windows: "none" for patches. Otherwise an element holds the nine windows that a 7x7
            convolution with stride 2 and a 3x3 max pooling with stride 2 read for one output:
            "same" with the padding of DeepMind's source (56 outputs a side for 224 pixels),
            "valid" with that of its port (55).
        crop_first: See resampling.resample. Also, large JPEG files are decoded at full size.
        round_up: See resampling.centre_square.
        resample: See resampling.resample.
        jpeg: Quality, 1 to 95, of the JPEG compression that the whole centre square passes through
            at `size` pixels before it is cropped; 0 for none. A model that was trained on small
            JPEG files then reads all files as such.

    Raises:
        ValueError: `jpeg` is set together with `crop_first` or `round_up`, which it excludes.
    """

    modality: Literal["image"] = "image"
    size: Side = 64
    crop: Share = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    chroma: Literal["full", "half"] = "full"
    patch: Count = 4
    values: Literal["pixels", "cosines"] = "pixels"
    bands: FourierBands = 16
    highest: Positive = 8.0
    spacing: Literal["linear", "log"] = "linear"
    positions: bool = True
    windows: Literal["none", "same", "valid"] = "none"
    crop_first: bool = False
    round_up: bool = False
    resample: Resample = "bicubic"
    jpeg: JpegQuality = 0

    def __post_init__(self) -> None:
        for name in ("crop_first", "round_up"):
            if self.jpeg and getattr(self, name):
                raise ValueError(f"input settings jpeg and {name} exclude each other")


@dataclass(frozen=True)
class ImagePreparation(Preparation):
    """Cuts the centre square out of a picture: one window with the stream "image".

    Attributes:
        recipe: The recipe.
        shown_side: Minimum shorter side of a second copy of reduced pictures for people; 0: no
            copy.
    """

    recipe: ImageRecipe
    shown_side: int = 0

    @property
    def needs(self) -> PictureSpec:
        """At least twice the model's size, so that a reduced decode changes little."""
        if self.recipe.crop_first:
            return PictureSpec(at_least=None)
        return PictureSpec(at_least=round(2 * self.recipe.size / self.recipe.crop))

    def load(self, source: Source, format: str) -> Picture:
        """See Preparation."""
        from perceiver_cli.media.image import load_picture

        picture = load_picture(source, format, self.needs.at_least)
        height, width = picture.pixels.shape[:2]
        # The model's input must not depend on whether the picture is also shown.
        if min(height, width) < min(self.shown_side, picture.height, picture.width):
            larger = load_picture(source, format, self.shown_side)
            picture = replace(picture, shown=larger.pixels)
        return picture

    def windows(self, media: Media) -> list[Window]:
        """Picture -> one window with "image": uint8 [size, size, 3]."""
        assert isinstance(media, Picture)
        recipe = self.recipe
        height, width = media.pixels.shape[:2]
        square = centre_square(height, width, recipe.crop, round_up=recipe.round_up)
        pixels = read_square(
            media.pixels,
            square,
            recipe.size,
            recipe.resample,
            crop=recipe.crop,
            jpeg=recipe.jpeg,
            crop_first=recipe.crop_first,
        )
        location = square_location(media.width / width, media.height / height, square)
        return [Window({"image": pixels}, location, square_signal(pixels, media.pixels))]

    def for_preview(self, picture_side: int, frame_side: int) -> ImagePreparation:
        """See Preparation."""
        return replace(self, shown_side=picture_side)

    def preview(self, media: Media) -> Preview:
        """See Preparation."""
        assert isinstance(media, Picture)
        shown = media.pixels if media.shown is None else media.shown
        return Preview((shown,), (media.width, media.height))


def square_location(across: float, down: float, square: Square) -> dict[str, float]:
    """The position of a square of a reduced decode in the original.

    Args:
        across: Original pixels per decoded pixel, from left to right.
        down: The same from top to bottom.
        square: In decoded pixels.

    Returns:
        "left", "top", "width" and "height" in original pixels.
    """
    return {
        "left": square.left * across,
        "top": square.top * down,
        "width": square.side * across,
        "height": square.side * down,
    }
