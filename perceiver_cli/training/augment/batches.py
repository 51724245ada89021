"""Random changes on whole batches, one class per modality: what should not change the answer.

Each takes batched arrays as the cache keeps them and soft targets [B, classes], and returns
features (as the adapter's `features`) and targets. Where the arrays hold "teacher", another model's
logits [B, classes, h, w], a share of each target (`taught`) is what it says. All randomness comes
from torch's generator.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.training.augment.affine import look, random_views
from perceiver_cli.training.augment.compression import degraded
from perceiver_cli.training.augment.spectrogram import changed_features


class Augment(ABC):
    """Arrays and targets of one batch -> features and targets."""

    def __init__(self, adapter: Adapter, mixup: float, taught: float = 0.5) -> None:
        self.adapter = adapter
        self.mixup = mixup
        self.taught = taught

    @abstractmethod
    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features of the changed batch, and its targets [B, classes]."""


class AugmentImage(Augment):
    """Compression or blur, random views and flips, colour, then mixup or cutmix."""

    def __call__(self, arrays, targets):
        """Features and targets of the changed batch."""
        views = random_views(len(targets))
        seen = self.adapter.features({"image": degraded(arrays["image"])})["image"]
        pixels = jitter_colour(look(seen, views))
        if "teacher" in arrays:
            logits = look(arrays["teacher"], views, beyond="border")
            targets = teach(targets, logits, self.taught)
        pixels, targets = mix_pictures(pixels, targets, self.mixup)
        return {"image": pixels}, targets


class AugmentPoints(Augment):
    """Turns, hidden parts, random scales per axis, shift, mirror images, jitter; fewer points.

    Half of the shapes are turned about the vertical by any angle, half of the batches lose up to
    three tenths of their points on one side. With mixup, some shapes are half one and half another
    (PointCutMix-R, Zhang et al. 2021).
    """

    def __call__(self, arrays, targets):
        """Features and targets of the changed batch."""
        points = arrays["pointcloud"].float()
        if torch.rand(()) < 0.5:
            points = hide_a_side(points, 0.3 * float(torch.rand(())))
        batch, count, _ = points.shape
        keep = int(torch.randint(count // 2, count + 1, ()))
        points = turn_half(points[:, torch.randperm(count)[:keep]])
        if torch.rand(()) < self.mixup:
            share = float(torch.distributions.Beta(1.0, 1.0).sample())
            order = torch.randperm(batch)
            taken = round(share * keep)
            points = torch.cat([points[:, taken:], points[order, :taken]], 1)
            targets = targets * (1 - taken / keep) + targets[order] * (taken / keep)
        scale = torch.empty(batch, 1, 3).uniform_(2 / 3, 3 / 2)
        mirror = torch.ones(batch, 1, 3)
        mirror[..., :2] -= 2.0 * (torch.rand(batch, 1, 2) < 0.5)
        shift = torch.empty(batch, 1, 3).uniform_(-0.1, 0.1)
        points = points * scale * mirror
        radius = points.square().sum(-1).amax(1).sqrt().view(-1, 1, 1).clamp_min(1e-6)
        # The scale itself must not matter: only the proportions change.
        points = points / radius + shift + 0.005 * torch.randn_like(points)
        return {"pointcloud": points}, targets


class AugmentAudio(Augment):
    """Random windows and lengths, mixtures, and what spectra.py does: as recordings differ."""

    adapter: AudioAdapter

    def __call__(self, arrays, targets):
        """Features and targets of the changed batch."""
        wave = random_windows(arrays["audio"].float(), self.adapter.recipe.samples)
        wave = wave / (wave.square().mean(1, keepdim=True).sqrt() + 1e-4)
        if "teacher" in arrays:
            targets = teach(targets, arrays["teacher"], self.taught)
        wave, targets = mix(wave, targets, self.mixup)
        return {"audio": changed_features(self.adapter, wave)}, targets


class AugmentVideo(Augment):
    """Crops, flips and colour that stay the same through a clip; sounds paired anew in a class.

    Two batches in five lose their sound, which is what gives most away, and one in five its
    pictures, so that each stream can answer alone. A teacher is asked where there is no sound.
    """

    adapter: VideoAdapter

    def __call__(self, arrays, targets):
        """Features and targets of the changed batch."""
        choice = float(torch.rand(()))
        audio = arrays.get("audio")
        features = {}
        if choice >= 0.2 or audio is None:
            frames = self.adapter.features({"video": arrays["video"]})["video"]
            batch, channels, steps, side, _ = frames.shape
            frames = frames.reshape(batch, channels * steps, side, side)
            frames = look(frames, random_views(batch))
            frames = jitter_colour(frames.view(batch, channels, steps, side, side))
            features["video"] = frames
        if choice < 0.6 and audio is not None:
            wave = torch.roll(audio.float(), int(torch.randint(audio.shape[1], ())), 1)
            wave = pair_anew(wave, targets)
            features["audio"] = changed_features(self.adapter.audio, wave)
        elif "teacher" in arrays:
            targets = teach(targets, arrays["teacher"], self.taught)
        if torch.rand(()) < self.mixup:
            share = float(torch.distributions.Beta(0.4, 0.4).sample())
            order = torch.randperm(len(targets))
            features = {n: blend(x, x[order], share) for n, x in features.items()}
            targets = blend(targets, targets[order], share)
        return features, targets


AUGMENTS: dict[str, type[Augment]] = {
    "image": AugmentImage,
    "pointcloud": AugmentPoints,
    "audio": AugmentAudio,
    "av": AugmentVideo,
}


def blend(a: Tensor, b: Tensor, share: float) -> Tensor:
    """(1 - share) a + share b."""
    return torch.lerp(a, b, share)


def teach(targets: Tensor, logits: Tensor, share: float) -> Tensor:
    """Targets [B, classes], a share of each from a teacher's logits [B, classes, h, w]."""
    return blend(targets, logits.mean((2, 3)).softmax(1), share)


def mix(values: Tensor, targets: Tensor, probability: float) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018) of a batch with itself in another order, one share per item."""
    if torch.rand(()) >= probability:
        return values, targets
    share = torch.distributions.Beta(0.4, 0.4).sample((len(values),))
    share = torch.minimum(share, 1 - share)
    order = torch.randperm(len(values))
    wide = share.view(-1, *[1] * (values.dim() - 1))
    return torch.lerp(values, values[order], wide), torch.lerp(
        targets, targets[order], share.view(-1, 1)
    )


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


def jitter_colour(pixels: Tensor, strength: float = 0.3) -> Tensor:
    """Exposure, brightness, contrast, a tint or no colour: [B, 3, ...] normalised -> the same."""
    batch = len(pixels)
    shape = (batch, 1, *[1] * (pixels.dim() - 2))
    contrast = torch.empty(shape).uniform_(1 - strength, 1 + strength)
    brightness = torch.empty(shape).uniform_(-strength, strength)
    tint = torch.empty(batch, 3, *shape[2:]).uniform_(-strength / 3, strength / 3)
    # Black is at about -2: light that is halved moves every value half the way there.
    light = torch.where(torch.rand(shape) < 0.3, torch.empty(shape).uniform_(0.4, 1.2), 1.0)
    grey = torch.rand(shape) < 0.15
    pixels = torch.where(grey, pixels.mean(1, keepdim=True), pixels)
    return (pixels + 2) * light * contrast - 2 * contrast + (brightness + tint)


def turn_half(points: Tensor) -> Tensor:
    """Turns each shape, with a chance of one half, by any angle about z: [B, N, 3]."""
    angle = torch.empty(len(points)).uniform_(0, 2 * math.pi) * (torch.rand(len(points)) < 0.5)
    sin, cos, none = angle.sin(), angle.cos(), torch.zeros(len(points))
    turn = torch.stack([cos, sin, none, -sin, cos, none, none, none, none + 1], -1)
    return points @ turn.view(-1, 3, 3)


def hide_a_side(points: Tensor, share: float) -> Tensor:
    """Takes away the points furthest in a random direction, and centres what is left.

    [B, N, 3] -> [B, about (1 - share) N, 3].
    """
    batch, count, _ = points.shape
    along = (points @ torch.randn(batch, 3, 1)).squeeze(-1)
    seen = along.argsort(1)[:, : max(1, round((1 - share) * count))]
    points = points.gather(1, seen.unsqueeze(-1).expand(-1, -1, 3))
    return points - points.mean(1, keepdim=True)


def random_windows(wave: Tensor, samples: int) -> Tensor:
    """A random stretch of each sound: [B, S] -> [B, samples].

    Half of the time a shorter stretch, repeated, so that a clip's length says nothing.
    """
    batch, length = wave.shape
    used = torch.full((batch,), samples)
    short = torch.rand(batch) < 0.5
    used[short] = torch.empty(int(short.sum())).uniform_(0.2, 1.0).mul_(samples).long()
    starts = (torch.rand(batch) * (length - used + 1).clamp_min(1)).long()
    steps = torch.arange(samples).expand(batch, -1) % used.unsqueeze(1)
    return wave.gather(1, (starts.unsqueeze(1) + steps) % length)


def pair_anew(wave: Tensor, targets: Tensor) -> Tensor:
    """Gives each clip the sound of a random clip of its own class in the batch: [B, S]."""
    classes = targets.argmax(1)
    same = (classes.unsqueeze(0) == classes.unsqueeze(1)).float()
    return wave[torch.multinomial(same, 1).squeeze(1)]
