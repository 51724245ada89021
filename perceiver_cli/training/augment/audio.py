"""Sounds: windows, mixtures, and what differs between recordings."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.training.augment.base import Augment
from perceiver_cli.training.augment.mixing import mix, teach
from perceiver_cli.training.augment.spectrogram import changed_features


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
