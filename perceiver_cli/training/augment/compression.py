"""Degradations of stored pictures: resampling, blur, sharpening and compression, batch by batch.

Resampling and blur are linear along rows and along columns, so they are products with a matrix for
each picture. JPEG is its cosine transform and quantisation without the lossless coding.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters.cosine_transform import dct_matrix
from perceiver_cli.media.luma import LUMA_WEIGHTS

FILTERS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)
# Sides that pictures are scaled down to, as shares of their own.
_MIN_SCALE, _SCALES = 0.4, 32

# RGB -> Y, Cb, Cr (JFIF), Cb and Cr around 0.
TO_YCBCR = (
    LUMA_WEIGHTS,
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
# Quantisation tables of quality 50 (ITU-T T.81, annex K), rows of vertical frequency.
LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


def degrade(pixels: Tensor, share: float = 0.7, frames: int = 1) -> Tensor:
    """Resamples, blurs, sharpens or compresses a share of the pictures, or of the clips.

    Of these, 30 % are resampled, 20 % blurred with a sigma of up to a 45th of the side and 20 %
    sharpened. The other 30 %, and a third of those, are compressed as JPEG with a quality of 10 to
    95.

    Args:
        pixels: float [B, 3, S, S], RGB from 0 to 255.
        share: Share of the pictures that are changed.
        frames: Number of consecutive pictures that are frames of one clip and change alike.

    Returns:
        The same shape, integers.
    """
    clips = (torch.rand(len(pixels) // frames) < share).nonzero()
    chosen = (clips * frames + torch.arange(frames)).flatten()
    kind, strength, again, quality = torch.rand(4, len(clips)).repeat_interleave(frames, 1)
    smoothed, compressed = kind < 0.7, (kind >= 0.7) | (again < 1 / 3)
    changed = pixels[chosen]
    changed[smoothed] = smooth_or_sharpen(changed[smoothed], kind[smoothed], strength[smoothed])
    quality = (10 + 85 * quality[compressed]).round()
    changed[compressed] = compress_jpeg(changed[compressed], quality)
    return pixels.index_copy(0, chosen, changed)


def smooth_or_sharpen(pixels: Tensor, kind: Tensor, strength: Tensor) -> Tensor:
    """Resamples, blurs or sharpens pictures.

    Args:
        pixels: float [B, 3, S, S], RGB from 0 to 255.
        kind: [B]; below 0.3 a picture is resampled, below 0.5 blurred, else sharpened.
        strength: How much it is blurred or sharpened, or how it is resampled, [B], 0 to 1.

    Returns:
        The same shape, integers.
    """
    side = pixels.shape[-1]
    resampled, sharpened = (kind < 0.3).view(-1, 1, 1), kind >= 0.5
    sigma = torch.where(sharpened, 1.0, strength * side / 45)
    blur = gaussian_blur_matrices(sigma, side)
    matrices = resampling_matrices(side, pixels.device)
    which = (strength * len(matrices)).long().clamp_max(len(matrices) - 1)
    along = torch.where(resampled, matrices[which], blur).unsqueeze(1)
    smooth = along @ pixels @ along.mT
    towards = torch.where(sharpened, -1.5 * strength, 1.0).view(-1, 1, 1, 1)
    return torch.lerp(pixels, smooth, towards).round().clamp(0, 255)


def gaussian_blur_matrices(sigma: Tensor, side: int) -> Tensor:
    """Gaussian blur along one axis, as matrices.

    Args:
        sigma: Standard deviations in pixels, [B].
        side: Height and width of the pictures, in pixels.

    Returns:
        float [B, side, side], each row with the sum 1.
    """
    cells = torch.arange(side)
    distance = (cells.unsqueeze(1) - cells).square()
    scaled = -0.5 * distance / sigma.view(-1, 1, 1).clamp_min(1e-3).square()
    return scaled.softmax(2)


@cache
def resampling_matrices(side: int, device: torch.device) -> Tensor:
    """Scaling down and up again with every pair of FILTERS at every scale, as Pillow does it.

    Args:
        side: Height and width of the pictures, in pixels.
        device: Where the matrices are.

    Returns:
        float32 [K, side, side], to apply along rows and along columns.
    """
    scaled = sorted({max(1, round(s * side)) for s in np.linspace(_MIN_SCALE, 1, _SCALES)})
    matrices = np.stack(
        [
            resize_matrix(small, side, up) @ resize_matrix(side, small, down)
            for small in scaled
            for down in FILTERS
            for up in FILTERS
        ]
    )
    return torch.from_numpy(matrices).to(device)


def resize_matrix(size: int, new_size: int, how: Image.Resampling) -> np.ndarray:
    """The weights of a Pillow filter, from its result for unit vectors.

    Args:
        size: Number of pixels.
        new_size: Number of pixels afterwards.
        how: The filter.

    Returns:
        float32 [new_size, size].
    """
    units = Image.fromarray(np.eye(size, dtype=np.float32))
    return np.asarray(units.resize((size, new_size), how))


def compress_jpeg(pixels: Tensor, quality: Tensor) -> Tensor:
    """Pictures after compression as JPEG with chroma at half resolution (4:2:0).

    Args:
        pixels: float [B, 3, S, S], RGB from 0 to 255; S even.
        quality: [B], 1 to 100, as libjpeg scales its tables.

    Returns:
        The same shape, integers.
    """
    side = pixels.shape[-1]
    missing = -side % 16
    padded = functional.pad(pixels, (0, missing, 0, missing), mode="replicate")
    planes = mix_channels(padded, TO_YCBCR)
    luma = _quantise(planes[:, :1] - 128, quantisation_steps(quality, LUMA_TABLE)) + 128
    coarse = functional.avg_pool2d(planes[:, 1:], 2).round()
    coarse = _quantise(coarse, quantisation_steps(quality, CHROMA_TABLE))
    chroma = functional.interpolate(coarse, scale_factor=2, mode="bilinear")
    planes = torch.cat([luma, chroma], 1).round()
    decoded = mix_channels(planes, TO_RGB)
    whole: Tensor = decoded.round().clamp(0, 255)[..., :side, :side]
    return whole


def mix_channels(pixels: Tensor, weights: tuple[tuple[float, ...], ...]) -> Tensor:
    """[B, 3, S, S] times [3, 3] -> [B, 3, S, S]."""
    mixed: Tensor = (torch.tensor(weights).to(pixels) @ pixels.flatten(2)).view_as(pixels)
    return mixed


def quantisation_steps(quality: Tensor, table: tuple[tuple[int, ...], ...]) -> Tensor:
    """A quantisation table, given at quality 50, at other qualities: [B] -> [B, 8, 8]."""
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    scaled = torch.tensor(table).to(quality) * scale.view(-1, 1, 1)
    return ((scaled + 50) / 100).floor().clamp(1, 255)


def _quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Rounds the cosine coefficients of blocks of 8x8 pixels to multiples of steps.

    Args:
        planes: float [B, k, h, w], h and w multiples of 8.
        steps: [B, 8, 8].
    """
    steps = steps.view(-1, 1, 1, 1, 8, 8)
    cosines = dct_matrix(8).to(planes)
    blocks = planes.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)
    coefficients = cosines @ blocks @ cosines.T
    decoded = cosines.T @ ((coefficients / steps).round() * steps) @ cosines
    whole: Tensor = decoded.transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return whole
