"""Augmentation of pictures: degradations, affine crops, colour, mixup and CutMix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from perceiver_cli.adapters.chroma import luma_of
from perceiver_cli.adapters.pixels import channel_statistics
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.base import Augmentation, Augmented
from perceiver_cli.training.augment.compression import degrade
from perceiver_cli.training.augment.mixup import distil, mixup


class ImageAugmentation(Augmentation):
    """Degradations, random affine crops and flips, colour, then mixup or CutMix."""

    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """See Augmentation."""
        crops = random_affine_crops(len(targets))
        pixels = degrade(arrays["image"].permute(0, 3, 1, 2).contiguous().float()).permute(
            0, 2, 3, 1
        )
        pixels = self.adapter.features({"image": pixels})["image"]
        pixels = jitter_colour(warp(pixels, crops), self.adapter.recipe)
        if "teacher" in arrays:
            logits = warp(arrays["teacher"], crops, padding="border")
            targets = distil(targets, logits, self.teacher_share)
        pixels, targets = mixup_or_cutmix(pixels, targets, self.mixup_probability)
        return Augmented({"image": pixels}, targets)


def mixup_or_cutmix(pixels: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Mixup or, equally often, CutMix (Yun et al. 2019): a box of each picture from another.

    Args:
        pixels: float [B, C, h, w].
        targets: Soft targets [B, classes].
        probability: Probability that the batch is changed.

    Returns:
        Pixels and targets of the same shapes.
    """
    if torch.rand(()) < 0.5:
        mixed = mixup({"pixels": pixels, "targets": targets}, probability)
        return mixed["pixels"], mixed["targets"]
    if torch.rand(()) >= probability:
        return pixels, targets
    height, width = pixels.shape[-2:]
    edge = math.sqrt(float(torch.rand(())))
    box_h, box_w = round(edge * height), round(edge * width)
    top = int(torch.randint(height - box_h + 1, ()))
    left = int(torch.randint(width - box_w + 1, ()))
    order = torch.randperm(len(pixels))
    pixels = pixels.clone()
    box = (..., slice(top, top + box_h), slice(left, left + box_w))
    pixels[box] = pixels[order][box]
    share = box_h * box_w / (height * width)
    return pixels, torch.lerp(targets, targets[order], share)


def jitter_colour(
    pixels: Tensor, recipe: ImageRecipe | VideoRecipe, strength: float = 0.3
) -> Tensor:
    """Changes light, brightness, contrast and tint, or removes colour.

    Args:
        pixels: Normalised, float [B, 3, ...].
        recipe: Has the mean and deviation.
        strength: Largest change of contrast, as a share of it, and of brightness, in deviations; a
            third of it for tint.

    Returns:
        The same shape.
    """
    batch = len(pixels)
    shape = (batch, 1, *[1] * (pixels.dim() - 2))
    contrast = torch.empty(shape).uniform_(1 - strength, 1 + strength)
    brightness = torch.empty(shape).uniform_(-strength, strength)
    tint = torch.empty(batch, 3, *shape[2:]).uniform_(-strength / 3, strength / 3)
    # Black is at about -2: half the light moves every value half the way there.
    light = torch.where(torch.rand(shape) < 0.4, torch.empty(shape).uniform_(0.3, 1.2), 1.0)
    grey = torch.rand(shape) < 0.3
    tint = torch.where(grey, 0.0, tint)
    pixels = torch.where(grey, to_luma(pixels, recipe), pixels)
    return (pixels + 2) * light * contrast - 2 * contrast + (brightness + tint)


def to_luma(pixels: Tensor, recipe: ImageRecipe | VideoRecipe) -> Tensor:
    """Replaces every channel by luma.

    Args:
        pixels: Normalised, float [B, 3, ...].
        recipe: Has the mean and deviation.

    Returns:
        The same shape.
    """
    mean, std = channel_statistics(recipe, pixels.dim())
    return (luma_of(pixels * std + mean) - mean) / std
