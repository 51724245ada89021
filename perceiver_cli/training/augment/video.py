"""Augmentation of videos: one change for all frames of a clip; other sounds of its class."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.audio import augmented_sound
from perceiver_cli.training.augment.base import Augmentation, Augmented
from perceiver_cli.training.augment.compression import degrade
from perceiver_cli.training.augment.image import jitter_colour
from perceiver_cli.training.augment.mixup import distil, mixup
from perceiver_cli.training.augment.waveform import normalise_loudness


class VideoAugmentation(Augmentation):
    """Changes all frames of a clip in the same way, and exchanges sounds within a class.

    The model learns to read each stream alone: 40 % of the batches lose their sound, 15 % their
    frames, and in another 15 % all frames are black. Targets come from the teachers of the
    streams that are left: the logits of two are added, as if the streams were independent.

    Attributes:
        smallest_crop: Share of a frame's area that the smallest crop shows.
    """

    adapter: VideoAdapter
    smallest_crop = 0.35

    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """See Augmentation."""
        choice = float(torch.rand(()))
        audio = arrays.get("audio")
        features: dict[str, Tensor] = {}
        logits: list[Tensor | None] = []
        if audio is not None and 0.15 <= choice < 0.3:
            features |= self.adapter.features({"video": torch.zeros_like(arrays["video"])})
        elif audio is None or choice >= 0.3:
            features["video"] = self._frames(arrays["video"])
            logits.append(arrays.get("teacher"))
        if choice < 0.6 and audio is not None and self.adapter.audio:
            order = shuffle_within_class(targets)
            features["audio"] = self._sound(self.adapter.audio, audio[order].float())
            audio_logits = arrays.get("teacher_audio")
            logits.append(None if audio_logits is None else audio_logits[order])
        if logits and all(array is not None for array in logits):
            known = [array.mean((2, 3), keepdim=True) for array in logits if array is not None]
            targets = distil(targets, torch.stack(known).sum(0), self.teacher_share)
        mixed = mixup(features | {"targets": targets}, self.mixup_probability, per_item=False)
        targets = mixed.pop("targets")
        return Augmented(mixed, targets)

    def _frames(self, frames: Tensor) -> Tensor:
        """uint8 [B, T, S, S, 3] -> features [B, 3, T, S, S]."""
        count = frames.shape[1]
        pixels = degrade(frames.flatten(0, 1).permute(0, 3, 1, 2).float(), frames=count)
        frames = pixels.permute(0, 2, 3, 1).unflatten(0, (-1, count))
        frames = self.adapter.features({"video": frames})["video"]
        batch, channels, steps, side, _ = frames.shape
        frames = frames.reshape(batch, channels * steps, side, side)
        frames = warp(frames, random_affine_crops(batch, self.smallest_crop))
        frames = frames.view(batch, channels, steps, side, side)
        return jitter_colour(frames, self.adapter.recipe)

    def _sound(self, adapter: AudioAdapter, wave: Tensor) -> Tensor:
        """Waveforms [B, samples] -> features."""
        wave = torch.roll(wave, int(torch.randint(wave.shape[1], ())), 1)
        return augmented_sound(adapter, normalise_loudness(wave))


def shuffle_within_class(targets: Tensor) -> Tensor:
    """For each item, a random item of its own class in the batch.

    Args:
        targets: [B, classes]; the largest one is an item's class.

    Returns:
        Indices, int64 [B].
    """
    classes = targets.argmax(1)
    same = (classes.unsqueeze(0) == classes.unsqueeze(1)).float()
    return torch.multinomial(same, 1).squeeze(1)
