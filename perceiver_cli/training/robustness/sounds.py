"""Corruptions of sounds, and of the sound of a video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from perceiver_cli.inference.decoding.decode import Corruption
from perceiver_cli.media.types import Sound, Video


def _on_samples(
    edit: Callable[[np.ndarray, int, np.random.Generator], np.ndarray],
) -> Corruption:
    """The corruption of a sound. edit: float32 [S], samples per second -> float [any length]."""

    def corrupt(media: Sound | Video, rng: np.random.Generator) -> Sound | Video:
        if isinstance(media, Sound):
            windows = tuple(
                replace(w, samples=edit(w.samples, media.rate, rng).astype(np.float32))
                for w in media.windows
            )
            return replace(media, windows=windows)
        rate = media.sound_rate
        seen = tuple(
            w
            if w.sound is None or rate is None
            else replace(w, sound=edit(w.sound, rate, rng).astype(np.float32))
            for w in media.windows
        )
        return replace(media, windows=seen)

    return corrupt


def _telephone(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Keeps the band from 300 to 3,400 Hz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    return np.fft.irfft(spectrum * ((hertz >= 300) & (hertz <= 3400)), len(samples))


def _clipped(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    result: np.ndarray = np.clip(8 * samples / max(1e-9, np.abs(samples).max()), -1, 1)
    return result


def _short(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Keeps the half second with the most energy."""
    wanted = rate // 2
    if len(samples) <= wanted:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[wanted:] - energy[:-wanted]))
    return samples[start : start + wanted]


def _noisy(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    result: np.ndarray = samples + _at_10_db(samples, rng.standard_normal(len(samples)))
    return result


def _with_music(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Adds a plucked chord twice a second as background music."""
    seconds = np.arange(len(samples)) / rate
    pitches = rng.choice([98, 110, 131, 147, 165, 196]) * np.array([1, 1.25, 1.5, 2])
    chord = sum(np.sin(2 * np.pi * p * h * seconds) / h for p in pitches for h in (1, 2, 3, 4))
    result: np.ndarray = samples + _at_10_db(samples, chord * np.exp(-3 * (seconds % 0.5)))
    return result


def _at_10_db(samples: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Scales `added` to 10 dB below the samples."""
    loudness = np.sqrt(np.mean(np.square(samples))) / max(1e-9, np.sqrt(np.mean(added**2)))
    result: np.ndarray = added * loudness * 10 ** (-10 / 20)
    return result


CORRUPTIONS: dict[str, Corruption] = {
    "the loudest half second": _on_samples(_short),
    "40 dB quieter": _on_samples(lambda samples, rate, rng: 0.01 * samples),
    "clipped": _on_samples(_clipped),
    "over a telephone": _on_samples(_telephone),
    "noise at 10 dB": _on_samples(_noisy),
    "music behind at 10 dB": _on_samples(_with_music),
}
