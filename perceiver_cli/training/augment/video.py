"""Augmentation of videos: the same crop and colour for all frames; other sounds of the class."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.base import Augmentation, Augmented
from perceiver_cli.training.augment.image import jitter_colour
from perceiver_cli.training.augment.mixup import distil, mixup
from perceiver_cli.training.augment.spectrogram import augmented_features


class VideoAugmentation(Augmentation):
    """One crop, flip and change of colour for all frames of a clip; sounds of the same class.

    40 % of the batches lose their sound, which is the easier stream to learn, and 20 % their
    frames, so that the model learns to read each stream alone. Targets come from the teachers of
    the streams that are left: the logits of two are added, as if the streams were independent.
    """

    adapter: VideoAdapter

    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """See Augmentation."""
        choice = float(torch.rand(()))
        audio = arrays.get("audio")
        features, logits = {}, []
        if choice >= 0.2 or audio is None:
            frames = self.adapter.features({"video": arrays["video"]})["video"]
            batch, channels, steps, side, _ = frames.shape
            frames = frames.reshape(batch, channels * steps, side, side)
            frames = warp(frames, random_affine_crops(batch))
            frames = frames.view(batch, channels, steps, side, side)
            features["video"] = jitter_colour(frames, self.adapter.recipe)
            logits.append(arrays.get("teacher"))
        if choice < 0.6 and audio is not None and self.adapter.audio:
            order = shuffle_within_class(targets)
            wave = torch.roll(audio[order].float(), int(torch.randint(audio.shape[1], ())), 1)
            features["audio"] = augmented_features(self.adapter.audio, wave)
            audio_logits = arrays.get("teacher_audio")
            logits.append(None if audio_logits is None else audio_logits[order])
        known = [array.mean((2, 3), keepdim=True) for array in logits if array is not None]
        if known and len(known) == len(features):
            targets = distil(targets, torch.stack(known).sum(0), self.teacher_share)
        mixed = mixup(features | {"targets": targets}, self.mixup_probability, per_item=False)
        targets = mixed.pop("targets")
        return Augmented(mixed, targets)


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
