"""Videos: frames in space-time patches, with the sound of the same seconds if there is any."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from perceiver_cli.adapters.base import Adapter, ChannelGroup, heaviest_blocks
from perceiver_cli.adapters.cosine_transform import pixel_transform, value_groups
from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.adapters.patches import append_positions, check_divides, patchify
from perceiver_cli.adapters.pixels import crop_box, normalise_pixels, pixel_box
from perceiver_cli.adapters.samples import sound_adapter
from perceiver_cli.explanations import SoundMap, VideoMap
from perceiver_cli.preparation.base import Window
from perceiver_cli.preparation.video import VideoRecipe
from perceiver_cli.results import Focus


class VideoAdapter(Adapter):
    """Streams "video" and, if the recipe has it, "audio", which may be missing in a file."""

    modality = "av"

    def __init__(self, recipe: VideoRecipe) -> None:
        self.recipe = recipe
        if recipe.chroma == "half":
            check_divides("blocks of chroma", 2, "size", recipe.size)
        check_divides("patch", recipe.patch, "size", recipe.size)
        check_divides("patch_frames", recipe.patch_frames, "frames", recipe.frames)
        side = recipe.size // recipe.patch
        self.grid = (recipe.frames // recipe.patch_frames, side, side)
        self.patch = (recipe.patch_frames, recipe.patch, recipe.patch)
        self.transform = pixel_transform(recipe.values, self.patch)
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)
        self.positions = GridFeatures(self.bands, *self.grid)
        self.audio = sound_adapter(recipe.audio) if recipe.audio else None

    def training_recipe(self) -> Any:
        """See Adapter: whole centre squares are decoded, and random crops are taken from them."""
        return replace(self.recipe, crop=1.0)

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        recipe = self.recipe
        name = f"{recipe.patch_frames} frames x {recipe.patch}x{recipe.patch} pixels"
        groups = [
            *value_groups("video", recipe.values, name, 3 * math.prod(self.patch)),
            ChannelGroup("video", "position time, y, x", 3),
            ChannelGroup("video", "sin, cos of position", 6 * self.bands.count),
        ]
        return groups + (self.audio.channels if self.audio else [])

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """ "video": uint8 [B, T, S, S, 3] -> float [B, 3, T, S, S]; "audio" as AudioAdapter."""
        features = {}
        if "video" in arrays:
            pixels = arrays["video"].permute(0, 4, 1, 2, 3)
            features["video"] = normalise_pixels(pixels, self.recipe)
        if "audio" in arrays and self.audio:
            features |= self.audio.features(arrays)
        return features

    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Features of either or both streams -> their byte arrays."""
        streams = {}
        if "video" in features:
            streams["video"] = append_positions(self.values(features["video"]), self.positions)
        if "audio" in features and self.audio:
            streams |= self.audio.with_positions(features)
        return streams

    def values(self, pixels: Tensor) -> Tensor:
        """The values of the patches of any number of frames, without their positions.

        Args:
            pixels: Features, float [B, 3, T, S, S].

        Returns:
            [B, M, c], in the order of the patches.
        """
        values = patchify(pixels, self.patch)
        return (self.transform(values) if self.transform else values).flatten(1, -2)

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """See Adapter. Regions are a frame's time and pixel box, or seconds of the sound."""
        if stream == "audio" and self.audio:
            return self.audio.focus(stream, mass, window)
        steps, side, _ = self.grid
        times = window.location["times_s"]

        def region(step: slice, rows: slice, columns: slice) -> dict[str, float]:
            frame = min(len(times) - 1, step.start * self.recipe.patch_frames)
            box = pixel_box(rows, columns, side, window.location)
            return {"time_s": round(float(times[frame]), 3), **box}

        return [
            [Focus(region(*where), round(share, 4)) for where, share in found]
            for found in heaviest_blocks(mass.reshape(-1, *self.grid), (steps, 4, 4))
        ]

    def attribution_map(
        self, stream: str, values: np.ndarray, window: Window
    ) -> VideoMap | SoundMap:
        """See Adapter: [maps, M] -> [maps, T, side, side] over the crop of every frame."""
        if stream == "audio" and self.audio:
            return self.audio.attribution_map(stream, values, window)
        on_frames = values.reshape(-1, *self.grid).repeat(self.recipe.patch_frames, axis=1)
        times = window.location["times_s"]
        return VideoMap(on_frames, crop_box(window.location), times)
