"""Sounds: windows with the number of samples that the model reads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np

from perceiver_cli.array_types import Float32Array
from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.media.specs import SoundSpec
from perceiver_cli.media.types import Media, Sound, SoundWindow
from perceiver_cli.media.windows import Coverage
from perceiver_cli.preparation.base import WHOLE_S, Preparation, ReadOptions, Window
from perceiver_cli.preparation.signal import frame_levels, non_silent_part, sound_signal
from perceiver_cli.settings import (
    Count,
    CountOrZero,
    FourierBands,
    Limits,
    Positive,
    Side,
    WindowSeconds,
)

# Share of the standard deviation below which a mean is that of the sound, not an offset.
_MIN_OFFSET = 0.1


@dataclass(frozen=True)
class AudioRecipe:
    """The recipe for converting a sound to a byte array.

    Attributes:
        modality: "audio".
        rate: Samples per second.
        window_s: Seconds that the model reads at once.
        max_windows: Number of windows of a longer sound that are read.
        mels: Bands of the log-mel spectrogram, which has 100 frames a second.
        low_hz: Lower end of the lowest band; the highest band ends at rate / 2.
        floor_db: Values further below the loudest are raised to this level. Band-limited sounds
            (a telephone) have empty bands, whose log would otherwise dominate.
        patch_mels: Bands in one element.
        patch_frames: Frames in one element.
        values: Content of an element: the spectrogram's "levels", or their "cosines" (see
            adapters/cosine_transform.py).
        bands: See fourier.Bands, as for the two that follow.
        highest: Highest frequency.
        spacing: How the frequencies are spaced.
        patch_samples: 0, or the samples in one element of raw audio (see adapters/samples.py).
    """

    modality: Literal["audio"] = "audio"
    rate: Annotated[int, Limits(100, 1_000_000)] = 16000
    window_s: WindowSeconds = 2.0
    max_windows: Count = 5
    mels: Side = 64
    low_hz: Annotated[float, Limits(0)] = 50.0
    floor_db: Positive = 60.0
    patch_mels: Count = 4
    patch_frames: Count = 4
    values: Literal["levels", "cosines"] = "levels"
    bands: FourierBands = 16
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
    """Cuts a sound into windows with one stream, "audio".

    Attributes:
        recipe: The recipe.
        coverage: How much of the sound is read.
        max_windows: Number of evenly spaced windows, instead of the recipe's number.
    """

    recipe: AudioRecipe
    coverage: Coverage = field(default_factory=Coverage)
    max_windows: int | None = None

    @property
    def needs(self) -> SoundSpec:
        """What the loader must return."""
        recipe = self.recipe
        most = self.max_windows or recipe.max_windows
        return SoundSpec(recipe.rate, recipe.window_s, most, self.coverage)

    def load(self, source: Source, format: str) -> Sound:
        """See Preparation."""
        from perceiver_cli.media.audio import load_sound

        return load_sound(source, format, self.needs)

    def windows(self, media: Media) -> list[Window]:
        """Sound -> per window "audio": float32 [samples]; a shorter sound is repeated."""
        assert isinstance(media, Sound)
        windows = [self._window(window, media.rate) for window in media.windows]
        if media.read_whole:
            for window, sound in zip(windows, media.windows, strict=True):
                window.location["levels"] = frame_levels(sound.samples, media.rate)
                window.location["levels_start_s"] = sound.start_s
        return windows

    def for_reading(self, read_options: ReadOptions, part: WindowRange | None) -> AudioPreparation:
        """See Preparation."""
        coverage = read_options.coverage(self.recipe.window_s, WHOLE_S, part)
        return replace(self, coverage=coverage, max_windows=read_options.windows)

    def _window(self, window: SoundWindow, rate: int) -> Window:
        """Removes what depends on the recording, not on the sound: silent ends, and an offset."""
        samples, start_s = window.samples, window.start_s
        signal = sound_signal(samples, rate)
        if signal == "present":
            part = non_silent_part(samples, rate, self.recipe.floor_db)
            samples, start_s = without_offset(samples[part]), start_s + part.start / rate
        length_s = min(len(samples) / rate, self.recipe.window_s)
        arrays = {"audio": fit_samples(samples, self.recipe.samples)}
        location = {"index": window.index, "start_s": start_s, "length_s": length_s}
        return Window(arrays, location, signal)


def without_offset(samples: Float32Array) -> Float32Array:
    """Removes a constant offset, as of a recorder's electronics.

    It cannot be heard, but where the samples begin and end it is a click that is louder than they.

    Args:
        samples: [S], at least one: those of one window.

    Returns:
        [S] with a mean of 0; the same samples if their mean is below a tenth of the standard
        deviation.
    """
    mean = samples.mean(dtype=np.float64)
    if abs(mean) < _MIN_OFFSET * samples.std(dtype=np.float64):
        return samples
    centred: Float32Array = (samples - mean).astype(np.float32)
    return centred


def fit_samples(samples: np.ndarray, count: int) -> np.ndarray:
    """Cuts or repeats samples to a length.

    Args:
        samples: float32 [S].
        count: Number of samples of the result.

    Returns:
        float32 [count]: cut at the end, or repeated from the beginning.
    """
    if len(samples) >= count:
        return np.ascontiguousarray(samples[:count], np.float32)
    return np.resize(samples, count).astype(np.float32, copy=False)
