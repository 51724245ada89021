"""What every adapter offers: natural arrays in, byte arrays [B, M, C] out, and the way back.

The way of a file to the model, with the preparation on the loading side (numpy, one file) and the
adapter on the model's side (torch, batches):

    media -> preparation -> arrays of fixed shape -> features -> elements -> byte array per stream
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from perceiver_cli.adapters.fourier import GridFeatures
from perceiver_cli.explanations import Map
from perceiver_cli.media.types import Media
from perceiver_cli.modalities import serving
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.results import Focus


class ChannelGroup(NamedTuple):
    """Neighbouring channels of a stream's byte array that mean the same kind of thing."""

    stream: str
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count


class Adapter(ABC):
    """Turns one modality into byte arrays under one recipe.

    recipe: a frozen dataclass of plain values, kept in the checkpoint; fixed: positions [M, P],
    where the last channels of every input are these.
    """

    modality: str
    recipe: Any
    fixed_positions: GridFeatures | None = None

    @property
    @abstractmethod
    def preparation(self) -> Preparation:
        """What brings an input into the arrays that `features` takes."""

    def prepare(self, media: Media) -> list[Window]:
        """Fixed-shape arrays of each window of an input."""
        return self.preparation.windows(media)

    @property
    @abstractmethod
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order, stream by stream."""

    @abstractmethod
    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """Batched arrays -> batched float features, still in the input's own layout."""

    @abstractmethod
    def elements(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """Features -> stream name -> byte array [B, M, C] with its position features."""

    @abstractmethod
    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """The heaviest regions of a stream in each of K looks, heaviest first.

        mass: float [K, M_s], each element's share of attention over the whole byte array.
        """

    @abstractmethod
    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> Map:
        """Values of a stream's elements where they belong in the input.

        values: float [maps, M_s], in multiples of an even share.
        """

    def reads(self, modality: str) -> bool:
        """Whether inputs of that modality are this adapter's."""
        return serving(modality) == self.modality

    def for_training(self) -> Adapter:
        """The adapter whose `prepare` leaves room for random crops while training."""
        return self

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """As `elements`, without the channels that are `fixed`."""
        return self.elements(features)

    def byte_array(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """Batched arrays -> stream name -> byte array [B, M, C]."""
        return self.elements(self.features(arrays))

    @property
    def streams(self) -> dict[str, int]:
        """Channels C of each stream's byte array."""
        widths: dict[str, int] = {}
        for group in self.channels:
            widths[group.stream] = widths.get(group.stream, 0) + group.count
        return widths


def heaviest_blocks(
    mass: np.ndarray, blocks: tuple[int, ...], top: int = 3
) -> list[list[tuple[tuple[slice, ...], float]]]:
    """The heaviest of the blocks that a grid of masses is cut into, in each of K grids.

    mass: float [K, s_1, ..., s_d]; blocks: how many blocks along each dimension (at most s_i).
    Returns up to `top` (one slice per dimension, mass) pairs for each grid, heaviest first.
    """
    pooled = mass
    slices = []
    for axis, (size, count) in enumerate(zip(mass.shape[1:], blocks, strict=True), 1):
        starts, along = _blocks(size, min(count, size))
        pooled = np.add.reduceat(pooled, starts, axis=axis)
        slices.append(along)
    shape = pooled.shape[1:]
    pooled = pooled.reshape(len(mass), -1)
    order = np.argsort(pooled, axis=1)[:, ::-1][:, :top]
    places = [index.tolist() for index in np.unravel_index(order, shape)]
    return [
        [
            (tuple(along[i] for along, i in zip(slices, index, strict=True)), share)
            for *index, share in zip(*(place[row] for place in places), shares, strict=True)
        ]
        for row, shares in enumerate(np.take_along_axis(pooled, order, 1).tolist())
    ]


@cache
def _blocks(size: int, count: int) -> tuple[np.ndarray, list[slice]]:
    """Where each of the blocks that `size` places are cut into begins, and its places."""
    edges = np.linspace(0, size, count + 1).round().astype(int)
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return edges[:-1], [slice(*pair) for pair in pairs]
