"""Augmentation of sounds: random windows, mixup, and differences between recordings."""

from __future__ import annotations

from torch import Tensor

from perceiver_cli.adapters.audio import AudioAdapter
from perceiver_cli.training.augment.base import Augmentation, Augmented
from perceiver_cli.training.augment.mixup import distil, interpolate, mixup
from perceiver_cli.training.augment.spectrogram import augmented_features
from perceiver_cli.training.augment.waveform import (
    add_reverberation,
    clip_peaks,
    mix_background,
    normalise_loudness,
    random_windows,
)


class AudioAugmentation(Augmentation):
    """Random windows, mixup, and the changes of waveform.py and spectrogram.py.

    A teacher's logits and features, [B, ..., 1, w], belong to w evenly spaced windows, the first
    at a recording's start and the last at its end.
    """

    adapter: AudioAdapter
    reads_teacher_features = True

    def __call__(self, arrays: dict[str, Tensor], targets: Tensor) -> Augmented:
        """See Augmentation."""
        recipe = self.adapter.recipe
        wave, middle = random_windows(arrays["audio"].float(), recipe.samples, recipe.rate)
        if "teacher" in arrays:
            targets = distil(targets, interpolate(arrays["teacher"], middle), self.teacher_share)
        batch = {"wave": normalise_loudness(wave), "targets": targets}
        if "teacher_features" in arrays:
            batch["teacher_features"] = interpolate(arrays["teacher_features"], middle).flatten(1)
        batch = mixup(batch, self.mixup_probability)
        features = {"audio": augmented_sound(self.adapter, batch["wave"])}
        return Augmented(features, batch["targets"], batch.get("teacher_features"))


def augmented_sound(adapter: AudioAdapter, wave: Tensor) -> Tensor:
    """Reverberation, background sounds and clipping, then the changes of spectrogram.py.

    Args:
        adapter: Whose features they are.
        wave: float32 [B, samples] of normalised loudness.

    Returns:
        As the adapter's `features` gives them.
    """
    wave = clip_peaks(mix_background(add_reverberation(wave, adapter.recipe.rate)))
    return augmented_features(adapter, wave)
