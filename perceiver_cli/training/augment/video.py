"""Videos: views and colour that stay the same through a clip; sounds paired anew."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.video import VideoAdapter
from perceiver_cli.training.augment.affine import look, random_views
from perceiver_cli.training.augment.base import Augment
from perceiver_cli.training.augment.image import jitter_colour
from perceiver_cli.training.augment.mixing import blend, teach
from perceiver_cli.training.augment.spectrogram import changed_features


class AugmentVideo(Augment):
    """Crops, flips and colour that stay the same through a clip; sounds paired anew in a class.

    Two batches in five lose their sound, which is what gives most away, and one in five its
    pictures, so that each stream can answer alone. A teacher is asked where there is no sound.
    """

    adapter: VideoAdapter

    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features and targets of the changed batch."""
        choice = float(torch.rand(()))
        audio = arrays.get("audio")
        features = {}
        if choice >= 0.2 or audio is None:
            frames = self.adapter.features({"video": arrays["video"]})["video"]
            batch, channels, steps, side, _ = frames.shape
            frames = frames.reshape(batch, channels * steps, side, side)
            frames = look(frames, random_views(batch))
            frames = frames.view(batch, channels, steps, side, side)
            features["video"] = jitter_colour(frames, self.adapter.recipe)
        if choice < 0.6 and audio is not None and self.adapter.audio:
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


def pair_anew(wave: Tensor, targets: Tensor) -> Tensor:
    """Gives each clip the sound of a random clip of its own class in the batch: [B, S]."""
    classes = targets.argmax(1)
    same = (classes.unsqueeze(0) == classes.unsqueeze(1)).float()
    return wave[torch.multinomial(same, 1).squeeze(1)]
