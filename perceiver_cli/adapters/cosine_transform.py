"""The discrete cosine transform of patches, and the magnitudes of its coefficients.

A cross-attend's values are linear in the elements, so without the magnitudes, a mean over elements
could not distinguish a texture from a plain area.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from perceiver_cli.adapters.base import ChannelGroup

# Weights of red, green and blue: grey, red against blue, green against both.
_COLOUR_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
# Typical size of a coefficient in photographs, by colour axis: this times the patch's side over the
# frequency in half waves per patch (at least a quarter).
_PHOTO_SCALES = (0.45, 0.15, 0.07)
# The same for spectrograms, which have one value per cell.
_LEVEL_AXES, _LEVEL_SCALES = ((1.0,),), (0.2,)


class CosineTransform:
    """The cosine transform (DCT-II, as in JPEG) of patches, with coefficients of about size 1.

    Over frames the first coefficient is the mean: a still video gives a picture's coefficients.
    """

    def __init__(
        self,
        patch: tuple[int, ...],
        axes: tuple[tuple[float, ...], ...] = _COLOUR_AXES,
        scales: tuple[float, ...] = _PHOTO_SCALES,
    ) -> None:
        """Builds the matrix of the transform.

        Args:
            patch: Sides of a patch: frames (for videos), rows and columns.
            axes: Linear combinations of a cell's values, by weights.
            scales: The typical size of each axis's coefficients.
        """
        colours = torch.tensor(axes)
        over_frames = [dct_matrix(side) / side**0.5 for side in patch[:-2]]
        over_pixels = [dct_matrix(side) for side in patch[-2:]]
        over_colours = colours / colours.norm(dim=1, keepdim=True)
        matrix = reduce(torch.kron, [*over_frames, *over_pixels, over_colours])
        halves = torch.stack(torch.meshgrid(*(torch.arange(s) for s in patch), indexing="ij"))
        frequency = halves.float().square().sum(0).sqrt().clamp_min(0.25)
        expected = patch[-1] / frequency.reshape(-1, 1) * torch.tensor(scales)
        self.matrix = (matrix / expected.reshape(-1, 1)).T.contiguous()

    def __call__(self, values: Tensor) -> Tensor:
        """Values [..., V] -> coefficients and magnitudes [..., 2V].

        Values are ordered by cell, then by colour; coefficients by frequency (frames, rows,
        columns), then by colour.
        """
        coefficients = values @ self.matrix.to(values)
        return torch.cat([coefficients, coefficients.abs()], -1)


def pixel_transform(
    values: Literal["pixels", "cosines"], patch: tuple[int, ...]
) -> CosineTransform | None:
    """The transform of a recipe for pixels.

    Args:
        values: The recipe's `values`.
        patch: Sides of a patch: frames (for videos), rows and columns.

    Returns:
        The transform; None for "pixels".
    """
    return CosineTransform(patch) if values == "cosines" else None


def spectrogram_transform(
    values: Literal["levels", "cosines"], patch: tuple[int, int]
) -> CosineTransform | None:
    """The transform of a recipe for spectrograms.

    Args:
        values: The recipe's `values`.
        patch: Sides of a patch: bands and frames.

    Returns:
        The transform; None for "levels".
    """
    return CosineTransform(patch, _LEVEL_AXES, _LEVEL_SCALES) if values == "cosines" else None


def value_groups(
    stream: str, values: Literal["pixels", "cosines"], patch: str, count: int
) -> list[ChannelGroup]:
    """The channels for a patch's values, which come before its position.

    Args:
        stream: Name of the stream.
        values: The recipe's `values`.
        patch: The patch in words.
        count: Values of a patch; with "cosines" there are twice as many channels.
    """
    if values == "pixels":
        return [ChannelGroup(stream, f"RGB of {patch}", count)]
    return [
        ChannelGroup(stream, f"cosines of {patch}", count),
        ChannelGroup(stream, "their magnitudes", count),
    ]


def dct_matrix(side: int) -> Tensor:
    """The orthonormal discrete cosine transform (DCT-II).

    Args:
        side: Number of cells.

    Returns:
        float32 [frequencies, cells], both `side`.
    """
    frequency, cell = torch.arange(side).unsqueeze(1), torch.arange(side) + 0.5
    matrix = (math.pi / side * frequency * cell).cos() * (2 / side) ** 0.5
    matrix[0] /= 2**0.5
    result: Tensor = matrix
    return result
