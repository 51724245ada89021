"""What MPEG-4 at a low bit rate leaves of short clips whose camera path is known.

FFmpeg's encoder, as pair_clips.py calls it, aims at a low bit rate ("qscale" does not reach it).
Its quantiser grows by 3 a frame: every frame is the one before it, moved block by block, with fewer
and fewer corrections. Its second frame that is coded by itself is the thirteenth.
"""

import torch
from torch import Tensor
from torch.nn import functional

from perceiver_cli.adapters.cosine_transform import dct_matrix
from perceiver_cli.training.augment.compression import TO_RGB, TO_YCBCR, mix_channels

QUANTISERS = (3, 6, 9, 12, 15, 18, 21, 23, 25, 26, 26, 26, 18, 21, 24, 27)  # of each frame
INTRA = (0, 12)  # frames that are coded by themselves
DARKER = 1.46  # as decoded clips are, in levels of luma
LUMA, CHROMA = 219, 224  # levels
INTRA_BIAS, INTER_BIAS = 3 / 8 - 0.5, -1 / 4  # added before rounding down, in steps


def through_mpeg4(views: Tensor, corners: Tensor, shown: tuple[int, ...]) -> Tensor:
    """Encodes and decodes clips.

    Args:
        views: float [B, T, 3, S, S], RGB from 0 to 255; S a multiple of 16, T at most 16.
        corners: What the camera sees in each frame, [B, T, 4, (x, y)], 0 to 1, in the order upper
            left, lower left, lower right, upper right.
        shown: The frames that are returned.

    Returns:
        [B, shown, 3, S, S], integers.
    """
    side = views.shape[-1]
    planes = mix_channels(views.flatten(0, 1), TO_YCBCR).unflatten(0, views.shape[:2])
    luma = (planes[:, :, :1] * LUMA / 255 - DARKER).round()
    chroma = functional.avg_pool2d(planes[:, :, 1:].flatten(1, 2), 2).unflatten(1, (-1, 2))
    chroma = (chroma * CHROMA / 255).round()
    moves = (block_motion(corners, side // 16) * side * 2).round() / 2
    decoded = []
    y, c = luma[:, 0], chroma[:, 0]
    for frame in range(views.shape[1]):
        q = QUANTISERS[frame]
        if frame in INTRA:
            y = _intra(luma[:, frame] - LUMA // 2 - 1, q, max(8, 2 * q - 16)) + LUMA // 2 + 1
            c = _intra(chroma[:, frame], q, max(8, q - 6))
        else:
            move = moves[:, frame - 1]
            y, c = _moved(y, move), _moved(c, move.round() / 2)
            y = y + _coded(luma[:, frame] - y, q)
            c = c + _coded(chroma[:, frame] - c, q)
        y, c = y.round().clamp(0, LUMA), c.round().clamp(-CHROMA // 2, CHROMA // 2)
        if frame in shown:
            wide = functional.interpolate(c, scale_factor=2, mode="bilinear")
            rgb = mix_channels(torch.cat([y * 255 / LUMA, wide * 255 / CHROMA], 1), TO_RGB)
            decoded.append(rgb.round().clamp(0, 255))
    return torch.stack(decoded, 1)


def block_motion(corners: Tensor, blocks: int) -> Tensor:
    """Where the middle of each block was one frame before, relative to where it is.

    Args:
        corners: See through_mpeg4.
        blocks: Number of blocks along a side.

    Returns:
        [B, T - 1, blocks, blocks, (x, y)], in shares of the side.
    """
    origin = corners[:, :, 0]
    axes = torch.stack([corners[:, :, 3] - origin, corners[:, :, 1] - origin], 3)
    at = (torch.arange(blocks, device=corners.device) + 0.5) / blocks
    middle = torch.stack(torch.meshgrid(at, at, indexing="xy"), 2).view(1, 1, -1, 2)
    points = middle @ axes[:, 1:].mT + origin[:, 1:, None]
    (a, b), (c, d) = (row.unbind(2) for row in axes[:, :-1].unbind(2))
    inverse = torch.stack([d, -b, -c, a], 2).unflatten(2, (2, 2)) / (a * d - b * c)[..., None, None]
    before = (points - origin[:, :-1, None]) @ inverse.mT
    return (before - middle).unflatten(2, (blocks, blocks))


def _moved(planes: Tensor, moves: Tensor) -> Tensor:
    """Planes [B, k, S, S] with blocks taken from `moves` [B, b, b, (x, y)] pixels away."""
    side = planes.shape[-1]
    size = side // moves.shape[1]
    at = torch.arange(side, device=planes.device, dtype=planes.dtype)
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), 2)
    grid = grid + moves.repeat_interleave(size, 1).repeat_interleave(size, 2)
    grid = grid * (2 / (side - 1)) - 1
    return functional.grid_sample(planes, grid, "bilinear", "border", align_corners=True)


def _intra(planes: Tensor, q: int, step: int) -> Tensor:
    """Planes coded by themselves; the mean of a block is a multiple of `step` / 8."""
    cosines = dct_matrix(8).to(planes)
    coefficients = cosines @ _blocks(planes) @ cosines.T
    decoded = _quantised(coefficients, q, INTRA_BIAS)
    decoded[..., 0, 0] = (coefficients[..., 0, 0] / step).round() * step
    return _planes(cosines.T @ decoded @ cosines)


def _coded(differences: Tensor, q: int) -> Tensor:
    """What is coded of the differences from the frame before."""
    cosines = dct_matrix(8).to(differences)
    coefficients = cosines @ _blocks(differences) @ cosines.T
    return _planes(cosines.T @ _quantised(coefficients, q, INTER_BIAS) @ cosines)


def _quantised(coefficients: Tensor, q: int, bias: float) -> Tensor:
    """Coefficients after H.263's quantiser: the middle of a step of 2q, or zero."""
    level = (coefficients.abs() / (2 * q) + bias).floor()
    size = torch.where(level > 0, q * (2 * level + 1) - (1 - q % 2), 0.0)
    return size * coefficients.sign()


def _blocks(planes: Tensor) -> Tensor:
    """[B, k, h, w] -> [B, k, h / 8, w / 8, 8, 8]."""
    return planes.unflatten(3, (-1, 8)).unflatten(2, (-1, 8)).transpose(3, 4)


def _planes(blocks: Tensor) -> Tensor:
    """The inverse of _blocks."""
    return blocks.transpose(3, 4).flatten(4, 5).flatten(2, 3)
