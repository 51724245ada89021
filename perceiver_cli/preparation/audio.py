"""Sounds: windows of exactly as many samples as the model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from perceiver_cli.media.types import Media, Sound, SoundSpec, SoundWindow, Source
from perceiver_cli.preparation.base import Preparation, Window
from perceiver_cli.preparation.signal import sound_signal, sounding_part
from perceiver_cli.settings import Count, CountOrZero, Limits, Positive


@dataclass(frozen=True)
class AudioRecipe:
    """How a sound becomes a byte array.

    rate: samples per second; window_s: seconds the model reads at once; max_windows: how many
    windows of a longer sound are read; mels x (100 frames a second) log-mel bands from low_hz to
    rate/2, none more than floor_db below the loudest (a telephone leaves nothing in many bands,
    and nothing must not look like much); patch_mels x patch_frames: one element, values: what it
    holds, the spectrum's "levels" or their "cosines" (see cosines.py); bands, highest, spacing: see
    fourier.Bands. patch_samples: 0, or the samples that make one element where no
    spectrum is read: see adapters/samples.py.
    """

    modality: Literal["audio"] = "audio"
    rate: Annotated[int, Limits(100)] = 16000
    window_s: Positive = 2.0
    max_windows: Count = 5
    mels: Count = 64
    low_hz: Annotated[float, Limits(0)] = 50.0
    floor_db: Positive = 60.0
    patch_mels: Count = 4
    patch_frames: Count = 4
    values: Literal["levels", "cosines"] = "levels"
    bands: CountOrZero = 16
    highest: Positive = 25.0
    spacing: Literal["linear", "log"] = "linear"
    patch_samples: CountOrZero = 0

    @property
    def samples(self) -> int:
        """Samples in one window."""
        return round(self.rate * self.window_s)

    @property
    def frames(self) -> int:
        """Spectrogram frames in one window (10 ms each)."""
        return round(100 * self.window_s)


@dataclass(frozen=True)
class AudioPreparation(Preparation):
    """Per window of the sound one with "audio"."""

    recipe: AudioRecipe

    @property
    def needs(self) -> SoundSpec:
        """What the loader must deliver."""
        return SoundSpec(self.recipe.rate, self.recipe.window_s, self.recipe.max_windows)

    def load(self, source: Source, format: str) -> Sound:
        """See Preparation."""
        from perceiver_cli.media.audio import load_sound

        return load_sound(source, format, self.needs)

    def windows(self, media: Media) -> list[Window]:
        """Sound -> per window "audio": float32 [samples]; a shorter sound is repeated."""
        assert isinstance(media, Sound)
        return [self._window(window, media.rate) for window in media.windows]

    def _window(self, window: SoundWindow, rate: int) -> Window:
        """Without silence at its ends, which would say more of the file than of the sound."""
        samples, start_s = window.samples, window.start_s
        signal = sound_signal(samples, rate)
        if signal == "present":
            part = sounding_part(samples, rate, self.recipe.floor_db)
            samples, start_s = samples[part], start_s + part.start / rate
        length_s = min(len(samples) / rate, self.recipe.window_s)
        arrays = {"audio": fit_samples(samples, self.recipe.samples)}
        return Window(arrays, {"start_s": start_s, "length_s": length_s}, signal)


def fit_samples(samples: np.ndarray, count: int) -> np.ndarray:
    """float32 [S] -> float32 [count]: cut at the end, or repeated from the beginning."""
    if len(samples) >= count:
        return np.ascontiguousarray(samples[:count], np.float32)
    return np.resize(samples, count).astype(np.float32, copy=False)
