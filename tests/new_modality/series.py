"""A modality of its own in one file: time series, one number a line under the word "value"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter, ChannelGroup, heaviest_blocks
from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.adapters.patches import append_positions
from perceiver_cli.detect import Detection
from perceiver_cli.explanations import Explanation, WindowMaps
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import Media
from perceiver_cli.modalities import Modality
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.report.drawings.colours import Scale
from perceiver_cli.report.drawings.thumbnail import Thumbnail
from perceiver_cli.results import Focus
from perceiver_cli.training.augment.base import Augmentation, Augmented

HERE = __name__


def detect_series(source: Source, text: str) -> Detection | None:
    if text.startswith("value\n"):
        return Detection("series", "series", "a column of values")
    return None


@dataclass(frozen=True)
class Series(Media):
    values: np.ndarray
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        return {"values": len(self.values)}


@dataclass(frozen=True)
class SeriesRecipe:
    modality: str = "series"
    points: int = 32
    bands: int = 4


@dataclass(frozen=True)
class SeriesPreparation(Preparation):
    recipe: SeriesRecipe

    def load(self, source: Source, format: str) -> Series:
        with source.open() as stream:
            return Series(np.array([float(line) for line in stream.read().split()[1:]]))

    def windows(self, media: Series) -> list[Window]:
        at = np.linspace(0, len(media.values) - 1, self.recipe.points)
        values = np.interp(at, np.arange(len(media.values)), media.values)
        return [Window({"series": values.astype(np.float32)}, {"length": len(media.values)})]


class SeriesAdapter(Adapter):
    modality = "series"

    def __init__(self, recipe: SeriesRecipe) -> None:
        self.recipe = recipe
        self.fixed_positions = GridFeatures(Bands(recipe.bands, recipe.points / 2), recipe.points)

    @property
    def channels(self) -> list[ChannelGroup]:
        return [
            ChannelGroup("series", "value", 1),
            ChannelGroup("series", "position", 1),
            ChannelGroup("series", "sin, cos of position", 2 * self.recipe.bands),
        ]

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"series": arrays["series"].float().unsqueeze(-1)}

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return features

    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"series": append_positions(features["series"], self.fixed_positions)}

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        step = window.location["length"] / mass.shape[1]
        return [
            [
                Focus({"start_s": where.start * step, "end_s": where.stop * step}, round(share, 4))
                for (where,), share in found
            ]
            for found in heaviest_blocks(mass, (4,))
        ]

    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> SeriesMap:
        return SeriesMap(values, window.arrays["series"])


@dataclass(frozen=True)
class SeriesMap:
    values: np.ndarray
    series: np.ndarray


class SeriesAugmentation(Augmentation):
    def __call__(self, arrays, targets):
        noisy = arrays["series"] + 0.01 * torch.randn_like(arrays["series"])
        return Augmented(self.adapter.features({"series": noisy}), targets)


def _upside_down(series: Series, rng: np.random.Generator) -> Series:
    return Series(-series.values)


CORRUPTIONS = {"upside down": _upside_down}


def series_in_words(facts: dict[str, Any]) -> str:
    return f"{facts['values']} values"


def draw_series(explanation: Explanation, ending: str) -> bytes:
    from perceiver_cli.report.drawings.sheet import Sheet

    sheet = Sheet(400, 200)
    for window in explanation.windows:
        sheet.axes(20, 20, 360, 160).plot(window.maps["series"].values[-1])
    return sheet.save(ending)


def series_thumbnail(
    explanation: Explanation, window: WindowMaps, scale: Scale, side: int
) -> Thumbnail:
    heat = scale.colours(window.maps["series"].values[-1])[None].repeat(side, 0)
    return Thumbnail(np.full_like(heat, 128), heat)


ROW = Modality(
    name="series",
    noun="time series",
    plural="time series",
    aliases=("timeseries",),
    text_detector=f"{HERE}:detect_series",
    recipe=f"{HERE}:SeriesRecipe",
    preparation=f"{HERE}:SeriesPreparation",
    adapter=f"{HERE}:SeriesAdapter",
    augmentation=f"{HERE}:SeriesAugmentation",
    corruptions=f"{HERE}:CORRUPTIONS",
    input_words=f"{HERE}:series_in_words",
    drawing=f"{HERE}:draw_series",
    thumbnail=f"{HERE}:series_thumbnail",
)
