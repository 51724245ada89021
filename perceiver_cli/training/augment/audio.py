"""Sounds: windows, mixtures, and what differs between recordings."""

from __future__ import annotations

import torch
from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.training.augment.base import Augment
from perceiver_cli.training.augment.mixing import along, mix, teach
from perceiver_cli.training.augment.spectrogram import changed_features
from perceiver_cli.training.augment.waveform import (
    in_rooms,
    levelled,
    over_others,
    overdriven,
    random_windows,
)


class AugmentAudio(Augment):
    """Random windows, mixtures, and what waveform.py and spectrogram.py do: as recordings differ.

    A teacher's logits and features are of windows, evenly from a recording's start to its end.
    """

    adapter: AudioAdapter
    guided = True

    def __call__(
        self, arrays: dict[str, Tensor], targets: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Features and targets of the changed batch."""
        recipe = self.adapter.recipe
        wave, middle = random_windows(arrays["audio"].float(), recipe.samples, recipe.rate)
        if "teacher" in arrays:
            targets = teach(targets, along(arrays["teacher"], middle), self.taught)
        if "teacher_features" in arrays:
            described = along(arrays["teacher_features"], middle)
            targets = torch.cat([targets, described.flatten(1)], 1)
        wave, targets = mix(levelled(wave), targets, self.mixup)
        wave = overdriven(over_others(in_rooms(wave, recipe.rate)))
        return {"audio": changed_features(self.adapter, wave)}, targets
