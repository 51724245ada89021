"""Clips of still pictures under a moving camera, as pair_clips.py renders them, in batches.

The frames are those of the decoded clips, after the reduction to 64 pixels and the JPEG compression
that everyday-av reads every frame through.
"""

import math

import torch
from mpeg4 import through_mpeg4
from pair_clips import FPS, SECONDS, SIDE
from PIL import Image
from torch import Tensor
from torch.nn import functional

from perceiver_cli.training.augment.compression import compress_jpeg, resize_matrix

READ, JPEG = 64, 75  # everyday-av's side of a frame in pixels, and quality
FRAMES = round(FPS * SECONDS)
SHOWN = (0, 2, 4, 6, 8, 10, 12, 15)  # the frames on screen at 8 even times of the clip
SHARPER = 0.3  # Pillow's cubic filter of a transform (a = -1) is sharper than torch's (-0.75)


def render(pictures: Tensor, corners: Tensor | None = None) -> Tensor:
    """Renders one clip of each picture.

    Args:
        pictures: uint8 [B, S, S, 3].
        corners: What the camera sees, see camera_paths; None: random paths.

    Returns:
        uint8 [B, shown frames, READ, READ, 3].
    """
    if corners is None:
        corners = camera_paths(len(pictures), pictures.device)
    decoded = through_mpeg4(filmed(pictures, corners), corners, SHOWN)
    frames = reduced(decoded.flatten(0, 1))
    frames = compress_jpeg(frames, torch.full((len(frames),), float(JPEG), device=frames.device))
    return frames.to(torch.uint8).permute(0, 2, 3, 1).unflatten(0, (len(pictures), -1))


def camera_paths(count: int, device: torch.device) -> Tensor:
    """Random paths with pan, zoom, tilt and shake, as pair_clips.camera_path draws them.

    Args:
        count: Number of paths.
        device: Where they are drawn.

    Returns:
        Corners of the square that the camera sees, in shares of the picture: float32
        [count, FRAMES, 4, (x, y)], upper left, lower left, lower right, upper right.
    """
    t = torch.arange(FRAMES, device=device) / (FRAMES - 1)

    def between(ends: Tensor) -> Tensor:
        return torch.lerp(ends[0], ends[1], t)

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(2, count, 1, device=device).uniform_(low, high)

    zoom, x, y = (between(uniform(*limits)) for limits in ((0.65, 1), (-1, 1), (-1, 1)))
    tilt = between(torch.randn(2, count, 1, device=device) * math.radians(5))
    free = (1 - zoom) / 2
    shake = torch.empty(count, 1, 1, device=device).uniform_(0, 0.015)
    centre = 0.5 + torch.stack([x * free, y * free], 2)
    centre = centre + shake * torch.randn(centre.shape, device=device)
    square = torch.tensor([[-1.0, -1], [-1, 1], [1, 1], [1, -1]], device=device) / 2
    square = square * zoom[:, :, None, None]
    cos, sin = tilt.cos()[:, :, None], tilt.sin()[:, :, None]
    turned_x = square[..., 0] * cos - square[..., 1] * sin
    turned_y = square[..., 0] * sin + square[..., 1] * cos
    return torch.stack([turned_x, turned_y], 3) + centre.unsqueeze(2)


def filmed(pictures: Tensor, corners: Tensor) -> Tensor:
    """What the camera sees. Beyond the edges pictures are mirrored.

    Args:
        pictures: uint8 [B, S, S, 3].
        corners: See camera_paths; [B, T, 4, 2].

    Returns:
        float [B, T, 3, SIDE, SIDE], RGB from 0 to 255, integers.
    """
    batch, side = pictures.shape[:2]
    frames = corners.shape[1]
    at = (torch.arange(SIDE, device=pictures.device) + 0.5) / SIDE
    upper_left, lower_left, _, upper_right = corners.unbind(2)
    down = (lower_left - upper_left)[:, :, None, None] * at.view(1, 1, -1, 1, 1)
    right = (upper_right - upper_left)[:, :, None, None] * at.view(1, 1, 1, -1, 1)
    points = (upper_left[:, :, None, None] + down + right) * side - 0.5
    grid = (points * (2 / (side - 1)) - 1).view(batch, frames * SIDE, SIDE, 2)
    pixels = pictures.permute(0, 3, 1, 2).float()
    cubic, linear = (
        functional.grid_sample(pixels, grid, mode, "reflection", align_corners=True)
        for mode in ("bicubic", "bilinear")
    )
    views = torch.lerp(cubic, linear, -SHARPER).round().clamp(0, 255)
    return views.view(batch, 3, frames, SIDE, SIDE).transpose(1, 2)


def reduced(pixels: Tensor) -> Tensor:
    """[N, 3, SIDE, SIDE] -> [N, 3, READ, READ], as Pillow's bicubic filter does."""
    matrix = torch.tensor(resize_matrix(SIDE, READ, Image.Resampling.BICUBIC)).to(pixels)
    across = (pixels @ matrix.mT).round().clamp(0, 255)
    return (matrix @ across).round().clamp(0, 255)
