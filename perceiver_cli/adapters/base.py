"""The interface of adapters, which convert natural arrays to byte arrays [B, M, C] and back.

Preparation runs in the process that loads a file (numpy, one file at a time), adapters in the
process of the model (torch, batches):

    media -> preparation -> arrays of fixed shape -> features -> byte array per stream
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from perceiver_cli.adapters.fourier import GridFeatures
from perceiver_cli.explanations import Map
from perceiver_cli.modalities import serving
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Focus


class ChannelGroup(NamedTuple):
    """Neighbouring channels of a stream's byte array with one meaning.

    Attributes:
        stream: The stream's name.
        name: The meaning in words.
        count: Number of channels.
    """

    stream: str
    name: str
    count: int  # type: ignore[assignment]  # hides tuple.count


class Adapter(ABC):
    """Converts inputs of one modality to byte arrays under one recipe.

    Attributes:
        modality: Its name in the table of modalities.
        recipe: A frozen dataclass of plain values, kept in the checkpoint.
        fixed_positions: Position features [M, P], if the last P channels are the same for every
            input.
    """

    modality: str
    recipe: Any
    fixed_positions: GridFeatures | None = None

    @property
    @abstractmethod
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order, stream by stream."""

    @abstractmethod
    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """Converts arrays to float features in the layout of the input, such as a grid of pixels.

        Args:
            arrays: Stream -> a batch of windows' arrays, [B, ...].

        Returns:
            Stream -> float features, [B, channels, ...].
        """

    @abstractmethod
    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The byte arrays, each element's values followed by its position features.

        Args:
            features: Stream -> result of `features`.

        Returns:
            Stream -> byte array [B, M, C].
        """

    @abstractmethod
    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """The regions of a stream with the most attention in each of K cross-attends.

        Args:
            stream: Its name.
            mass: float [K, M_s], each element's share of the attention over the whole byte array.
            window: The window of the byte array.

        Returns:
            For each cross-attend, regions in natural coordinates, the heaviest first.
        """

    @abstractmethod
    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> Map:
        """Attribution of a stream's elements, laid out in natural coordinates.

        Args:
            stream: Its name.
            values: float [maps, M_s], in multiples of an even share.
            window: The window of the byte array.

        Returns:
            The map for the modality's drawing.
        """

    def reads(self, modality: str) -> bool:
        """Whether this adapter is for inputs of a modality.

        Args:
            modality: Its name; a modality may use the adapter of another.
        """
        return serving(modality) == self.modality

    def training_recipe(self) -> Any:
        """The recipe for training files: its windows leave room for random crops."""
        return self.recipe

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The byte arrays without the channels of `fixed_positions`, if there are any.

        Args:
            features: Stream -> result of `features`.

        Returns:
            Stream -> [B, M, C - P].
        """
        return self.with_positions(features)

    def byte_array(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """The byte arrays of a batch.

        Args:
            arrays: Stream -> [B, ...], see features.

        Returns:
            Stream -> [B, M, C].
        """
        return self.with_positions(self.features(arrays))

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
    """The heaviest blocks of each of K grids of masses.

    Args:
        mass: float [K, s_1, ..., s_d].
        blocks: Number of blocks along each dimension (at most s_i).
        top: Maximum number of blocks that are returned.

    Returns:
        For each grid, pairs (one slice per dimension, mass), the heaviest first.
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
    indices = [index.tolist() for index in np.unravel_index(order, shape)]
    return [
        [
            (tuple(along[i] for along, i in zip(slices, index, strict=True)), share)
            for *index, share in zip(*(index[row] for index in indices), shares, strict=True)
        ]
        for row, shares in enumerate(np.take_along_axis(pooled, order, 1).tolist())
    ]


@cache
def _blocks(size: int, count: int) -> tuple[np.ndarray, list[slice]]:
    """Divides `size` cells into `count` blocks: their starts and slices."""
    edges = np.linspace(0, size, count + 1).round().astype(int)
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return edges[:-1], [slice(*pair) for pair in pairs]
