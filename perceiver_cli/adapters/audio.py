"""Sounds: patches of a log-mel spectrogram with 2D position features."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perceiver_cli.adapters.base import Adapter, ChannelGroup, heaviest_blocks
from perceiver_cli.adapters.cosine_transform import spectrogram_transform
from perceiver_cli.adapters.fourier import Bands, GridFeatures
from perceiver_cli.adapters.patches import append_positions, check_divides, patchify
from perceiver_cli.explanations import SoundMap
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.base import Window
from perceiver_cli.results import Focus


class AudioAdapter(Adapter):
    """One stream "audio": patches of a log-mel spectrogram, frequency-major."""

    modality = "audio"

    def __init__(self, recipe: AudioRecipe) -> None:
        self.recipe = recipe
        check_divides("patch_mels", recipe.patch_mels, "mels", recipe.mels)
        check_divides("patch_frames", recipe.patch_frames, "frames of a window", recipe.frames)
        self.grid = (recipe.mels // recipe.patch_mels, recipe.frames // recipe.patch_frames)
        self.transform = spectrogram_transform(
            recipe.values, (recipe.patch_mels, recipe.patch_frames)
        )
        self.bands = Bands(recipe.bands, recipe.highest, recipe.spacing)
        self.fixed_positions = GridFeatures(self.bands, *self.grid)
        self.hop = recipe.rate // 100
        self.stft_window = torch.hann_window(self.hop * 5 // 2)
        self.filters = mel_filters(recipe.rate, 4 * self.hop, recipe.mels, recipe.low_hz)

    @property
    def channels(self) -> list[ChannelGroup]:
        """The byte array's channels, in order."""
        recipe = self.recipe
        values = recipe.patch_mels * recipe.patch_frames
        name = f"log-mel, {recipe.patch_mels} bands x {10 * recipe.patch_frames} ms"
        groups = [ChannelGroup("audio", name, values)]
        if self.transform:
            waves = [(f"cosines of {name}", values), ("their magnitudes", values)]
            groups = [ChannelGroup("audio", *wave) for wave in waves]
        return [
            *groups,
            ChannelGroup("audio", "position frequency, time", 2),
            ChannelGroup("audio", "sin, cos of position", 4 * self.bands.count),
        ]

    def training_recipe(self) -> Any:
        """See Adapter: windows of at least five seconds, from which shorter ones are drawn."""
        return replace(self.recipe, window_s=max(5.0, self.recipe.window_s))

    def features(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        """float32 [B, samples] -> log-mel [B, 1, mels, frames], zero mean and unit variance."""
        return {"audio": self.spectrum(arrays["audio"].float()).unsqueeze(1)}

    def spectrum(self, wave: Tensor) -> Tensor:
        """The log-mel spectrogram that patches are cut from.

        Args:
            wave: float32 [B, samples].

        Returns:
            float32 [B, mels, frames] of 10 ms, zero mean and about unit variance.
        """
        return self.normalise(self.log_mel(wave))

    def log_mel(self, wave: Tensor) -> Tensor:
        """The log-mel spectrogram in nats relative to the loudest cell.

        Relative, so that loudness does not matter; clamped, so that silence stays finite.

        Args:
            wave: float32 [B, samples].

        Returns:
            Log power, float32 [B, mels, frames], at most 0.
        """
        spectrum = torch.stft(
            wave,
            n_fft=4 * self.hop,
            hop_length=self.hop,
            win_length=len(self.stft_window),
            window=self.stft_window,
            center=True,
            return_complex=True,
        )
        # Frame by frame, the order in memory, is three times as fast.
        parts = torch.view_as_real(spectrum.mT[:, : self.recipe.frames])
        power = parts[..., 0].square().addcmul_(parts[..., 1], parts[..., 1])
        mel = (power @ self.filters.T).mT
        return (mel / mel.amax((1, 2), keepdim=True).clamp_min(1e-12)).clamp_min(1e-12).log()

    def normalise(self, log: Tensor) -> Tensor:
        """A spectrogram as the model reads it.

        Args:
            log: Log power in nats, float32 [B, mels, frames]; it is raised to the recipe's floor.

        Returns:
            The same shape, zero mean and about unit variance for each sound.
        """
        floor = -self.recipe.floor_db * math.log(10) / 10
        log = (log - log.amax((1, 2), keepdim=True)).clamp_min(floor)
        centred = log - log.mean((1, 2), keepdim=True)
        return centred / (log.std((1, 2), keepdim=True) + 0.1)

    def with_positions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 1, mels, frames] -> "audio": [B, M, C]."""
        assert self.fixed_positions is not None
        return {
            "audio": append_positions(self.element_values(features)["audio"], self.fixed_positions)
        }

    def element_values(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """float [B, 1, mels, frames] -> "audio": [B, M, values]."""
        patch = (self.recipe.patch_mels, self.recipe.patch_frames)
        values = patchify(features["audio"], patch).flatten(1, -2)
        return {"audio": self.transform(values) if self.transform else values}

    def focus(self, stream: str, mass: np.ndarray, window: Window) -> list[list[Focus]]:
        """See Adapter. Regions are seconds of the sound."""
        over_time = mass.reshape(-1, *self.grid).sum(1)
        cell = self.recipe.window_s / self.grid[1]
        start, length = window.location["start_s"], window.location["length_s"]
        original = self._original_steps(length)
        if len(original) > (used := original.max() + 1):
            over_time = over_time @ np.eye(used)[original]
        return [
            [
                Focus(
                    {
                        "start_s": round(start + where.start * cell, 3),
                        "end_s": round(min(start + where.stop * cell, start + length), 3),
                    },
                    round(share, 4),
                )
                for (where,), share in found
            ]
            for found in heaviest_blocks(over_time, (10,))
        ]

    def attribution_map(self, stream: str, values: np.ndarray, window: Window) -> SoundMap:
        """See Adapter: float [maps, M] -> [maps, bands, steps] over frequency and time.

        Repeats of a short sound are averaged.
        """
        start, length = window.location["start_s"], window.location["length_s"]
        original = self._original_steps(length)
        fold = np.eye(original.max() + 1)[original]
        folded = values.reshape(-1, *self.grid) @ (fold / fold.sum(0))
        samples = window.arrays["audio"]
        spectrum = self.spectrum(torch.from_numpy(np.array(samples))[None])
        frames = round(folded.shape[2] * self.recipe.frames / self.grid[1])
        return SoundMap(
            values=folded,
            step_s=self.recipe.window_s / self.grid[1],
            start_s=start,
            length_s=length,
            samples=samples[: max(1, round(length * self.recipe.rate))],
            spectrum=spectrum[0, :, :frames].numpy(),
            edges_hz=mel_row_edges(self.recipe.rate, self.recipe.mels, self.recipe.low_hz),
        )

    def _original_steps(self, length_s: float) -> np.ndarray:
        """The step of the original sound that each step of the window repeats, int [steps].

        Sounds shorter than the window are repeated to fill it.
        """
        steps = self.grid[1]
        cell = self.recipe.window_s / steps
        used = min(steps, max(1, math.ceil(length_s / cell)))
        middle = (np.arange(steps) + 0.5) * cell
        result: np.ndarray = np.minimum((middle % length_s) / cell, used - 1).astype(int)
        return result


def mel_filters(rate: int, n_fft: int, mels: int, low_hz: float) -> Tensor:
    """Triangular filters on the mel scale (O'Shaughnessy 1987), each with a peak of 1.

    Args:
        rate: Samples per second.
        n_fft: Length of the Fourier transform in samples.
        mels: Number of filters.
        low_hz: Lower end of the lowest filter; the highest ends at half the rate.

    Returns:
        float32 [mels, n_fft // 2 + 1].
    """

    edges = torch.linspace(_to_mel(low_hz), _to_mel(rate / 2), mels + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    bins = torch.linspace(0, rate / 2, n_fft // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    return torch.minimum(rising, falling).clamp_min(0)


def mel_row_edges(rate: int, mels: int, low_hz: float) -> np.ndarray:
    """Frequencies halfway between the peaks of mel_filters.

    Args:
        rate: Samples per second.
        mels: Number of filters.
        low_hz: Lower end of the lowest filter.

    Returns:
        Hertz, float64 [mels + 1], ascending.
    """
    low, high = _to_mel(low_hz), _to_mel(rate / 2)
    edges = low + (np.arange(mels + 1) + 0.5) * (high - low) / (mels + 1)
    return 700 * (10 ** (edges / 2595) - 1)


def _to_mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)
