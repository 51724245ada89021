"""Augmentation of videos: the same crop and colour for all frames; other sounds of the class."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.training.augment.affine import random_affine_crops, warp
from perceiver_cli.training.augment.base import Augmentation
from perceiver_cli.training.augment.image import jitter_colour
from perceiver_cli.training.augment.mixup import blend, distil
from perceiver_cli.training.augment.spectrogram import augmented_features


class VideoAugmentation(Augmentation):
    """One crop, flip and change of colour for all frames of a clip; sounds of the same class.

    40 % of the batches lose their sound, which is the easier stream to learn, and 20 % their
    frames, so that the model learns to read each stream alone. A teacher's logits are used where
    there is no sound.
    """

    adapter: VideoAdapter

    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """See Augmentation."""
        choice = float(torch.rand(()))
        audio = arrays.get("audio")
        features = {}
        if choice >= 0.2 or audio is None:
            frames = self.adapter.features({"video": arrays["video"]})["video"]
            batch, channels, steps, side, _ = frames.shape
            frames = frames.reshape(batch, channels * steps, side, side)
            frames = warp(frames, random_affine_crops(batch))
            frames = frames.view(batch, channels, steps, side, side)
            features["video"] = jitter_colour(frames, self.adapter.recipe)
        if choice < 0.6 and audio is not None and self.adapter.audio:
            wave = torch.roll(audio.float(), int(torch.randint(audio.shape[1], ())), 1)
            wave = shuffle_sounds_within_class(wave, targets)
            features["audio"] = augmented_features(self.adapter.audio, wave)
        elif "teacher" in arrays:
            targets = distil(targets, arrays["teacher"], self.teacher_share)
        if torch.rand(()) < self.mixup_probability:
            share = float(torch.distributions.Beta(0.4, 0.4).sample())
            order = torch.randperm(len(targets))
            features = {n: blend(x, x[order], share) for n, x in features.items()}
            targets = blend(targets, targets[order], share)
        return features, targets


def shuffle_sounds_within_class(wave: Tensor, targets: Tensor) -> Tensor:
    """Gives each clip the sound of a random clip of its own class in the batch.

    Args:
        wave: float [B, S].
        targets: [B, classes]; the largest one is a clip's class.

    Returns:
        [B, S].
    """
    classes = targets.argmax(1)
    same = (classes.unsqueeze(0) == classes.unsqueeze(1)).float()
    return wave[torch.multinomial(same, 1).squeeze(1)]
