"""Patches as waves: their cosine transform, in three colours for pixels, and its magnitudes.

What a patch shows and how strongly it shows it, whichever way round. A cross-attend reads elements
linearly; without the magnitudes no mean over elements could tell stripes from a plain area.
"""

from __future__ import annotations

import math
from functools import reduce

import torch
from torch import Tensor

from perceiver_cli.adapters.base import ChannelGroup

# Grey, red against blue, green against both.
_COLOURS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
# How large the coefficients of photographs are: about that, by colour, times the patch's side over
# the frequency in half waves a patch, of which none counts as a quarter.
_SIZES = (0.45, 0.15, 0.07)
# A spectrogram has one value in a cell, and its waves are about this large.
_LEVEL, _LEVEL_SIZE = ((1.0,),), (0.2,)


class Cosines:
    """The cosine transform (DCT-II, as in JPEG) of patches, every coefficient near size 1.

    patch: sides of a patch in frames (where it has some), rows and columns. Over frames the first
    coefficient is the mean, so that of a still it is what a picture's patch has. mixes: what is
    made of the values in one place, by weights; sizes: how large the coefficients of each are.
    """

    def __init__(
        self,
        patch: tuple[int, ...],
        mixes: tuple[tuple[float, ...], ...] = _COLOURS,
        sizes: tuple[float, ...] = _SIZES,
    ) -> None:
        colours = torch.tensor(mixes)
        over_frames = [_waves(side) / side**0.5 for side in patch[:-2]]
        over_pixels = [_waves(side) for side in patch[-2:]]
        over_colours = colours / colours.norm(dim=1, keepdim=True)
        matrix = reduce(torch.kron, [*over_frames, *over_pixels, over_colours])
        halves = torch.stack(torch.meshgrid(*(torch.arange(s) for s in patch), indexing="ij"))
        frequency = halves.float().square().sum(0).sqrt().clamp_min(0.25)
        expected = patch[-1] / frequency.reshape(-1, 1) * torch.tensor(sizes)
        self.matrix = (matrix / expected.reshape(-1, 1)).T.contiguous()

    def __call__(self, values: Tensor) -> Tensor:
        """Values by place and then by colour: [..., V] -> coefficients, magnitudes [..., 2V].

        The coefficients are ordered by frequency (frames, rows, columns) and then by colour.
        """
        coefficients = values @ self.matrix.to(values)
        return torch.cat([coefficients, coefficients.abs()], -1)


def cosines_of(values: str, patch: tuple[int, ...]) -> Cosines | None:
    """What makes of pixels the values that a recipe names; None for the pixels themselves."""
    if values not in ("pixels", "cosines"):
        raise ValueError(f'values ({values}) must be "pixels" or "cosines"')
    return Cosines(patch) if values == "cosines" else None


def cosines_of_levels(values: str, patch: tuple[int, int]) -> Cosines | None:
    """As cosines_of, for patches of a spectrogram; None for its levels themselves."""
    if values not in ("levels", "cosines"):
        raise ValueError(f'values ({values}) must be "levels" or "cosines"')
    return Cosines(patch, _LEVEL, _LEVEL_SIZE) if values == "cosines" else None


def value_groups(stream: str, values: str, patch: str, count: int) -> list[ChannelGroup]:
    """The channels that hold the values of a patch of `count` of them, before the position."""
    if values == "pixels":
        return [ChannelGroup(stream, f"RGB of {patch}", count)]
    return [
        ChannelGroup(stream, f"cosines of {patch}", count),
        ChannelGroup(stream, "their magnitudes", count),
    ]


def _waves(side: int) -> Tensor:
    """The orthonormal DCT-II: [frequencies, places]."""
    frequency, place = torch.arange(side).unsqueeze(1), torch.arange(side) + 0.5
    waves = (math.pi / side * frequency * place).cos() * (2 / side) ** 0.5
    waves[0] /= 2**0.5
    result: Tensor = waves
    return result
