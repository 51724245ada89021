"""Pictures: another storage or sharpness, views, colour, mixtures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from perceiver_cli.adapters.chroma import luma_of
from perceiver_cli.adapters.image import channel_statistics
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe
from perceiver_cli.training.augment.affine import look, random_views
from perceiver_cli.training.augment.base import Augment
from perceiver_cli.training.augment.compression import degraded
from perceiver_cli.training.augment.mixing import blend, mix, teach


class AugmentImage(Augment):
    """Another storage or sharpness, random views and flips, colour, then mixup or cutmix."""

    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features and targets of the changed batch."""
        views = random_views(len(targets))
        seen = self.adapter.features({"image": degraded(arrays["image"])})["image"]
        pixels = jitter_colour(look(seen, views), self.adapter.recipe)
        if "teacher" in arrays:
            logits = look(arrays["teacher"], views, beyond="border")
            targets = teach(targets, logits, self.taught)
        pixels, targets = mix_pictures(pixels, targets, self.mixup)
        return {"image": pixels}, targets


def mix_pictures(pixels: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Mixup or, as often, CutMix (Yun et al. 2019): a box of each picture from another."""
    if torch.rand(()) < 0.5:
        return mix(pixels, targets, probability)
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
    return pixels, blend(targets, targets[order], share)


def jitter_colour(
    pixels: Tensor, recipe: ImageRecipe | VideoRecipe, strength: float = 0.3
) -> Tensor:
    """Exposure, brightness, contrast, a tint or no colour: [B, 3, ...] normalised -> the same."""
    batch = len(pixels)
    shape = (batch, 1, *[1] * (pixels.dim() - 2))
    contrast = torch.empty(shape).uniform_(1 - strength, 1 + strength)
    brightness = torch.empty(shape).uniform_(-strength, strength)
    tint = torch.empty(batch, 3, *shape[2:]).uniform_(-strength / 3, strength / 3)
    # Black is at about -2: light that is halved moves every value half the way there.
    light = torch.where(torch.rand(shape) < 0.4, torch.empty(shape).uniform_(0.3, 1.2), 1.0)
    grey = torch.rand(shape) < 0.3
    tint = torch.where(grey, 0.0, tint)
    pixels = torch.where(grey, without_chroma(pixels, recipe), pixels)
    return (pixels + 2) * light * contrast - 2 * contrast + (brightness + tint)


def without_chroma(pixels: Tensor, recipe: ImageRecipe | VideoRecipe) -> Tensor:
    """Luma in every channel, as a grey picture has it: [B, 3, ...] normalised -> the same."""
    mean, std = channel_statistics(recipe, pixels.dim())
    return (luma_of(pixels * std + mean) - mean) / std
