"""Mixes of known sounds at known times over quiet backgrounds, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec

RATE = 16000
MIN_LENGTH_S, MAX_LENGTH_S = 30, 120
MAX_EVENTS = 6
# A clip ends where it falls so far below its loudest 20 ms; a shorter one is no event.
TRIM_DB, MIN_CLIP_S = 40.0, 0.2
EVENT_DB, BACKGROUND_DB = (-26, -14), (-40, -25)  # the second below the events


@dataclass(frozen=True)
class Mix:
    """samples: float32 [S] at RATE; events: (class id, start_s, end_s), by start."""

    samples: np.ndarray
    events: list[tuple[str, float, float]]


def make_mixes(folder: Path, files: int, seed: int, most_events: int = MAX_EVENTS) -> Iterator[Mix]:
    """Mixes of the clips in folder/<class>/."""
    classes = sorted(each.name for each in folder.iterdir() if each.is_dir())
    clips = {name: sorted((folder / name).iterdir()) for name in classes}
    rng = np.random.default_rng(seed)
    for _ in range(files):
        yield _mix(clips, classes, rng, most_events)


def _mix(
    clips: dict[str, list[Path]], classes: list[str], rng: np.random.Generator, most: int
) -> Mix:
    length = int(rng.integers(MIN_LENGTH_S, MAX_LENGTH_S + 1)) * RATE
    level = float(rng.uniform(*EVENT_DB))
    samples = _noise(length, level + rng.uniform(*BACKGROUND_DB), rng)
    events = []
    for _ in range(int(rng.integers(1, most + 1))):
        name = classes[int(rng.integers(len(classes)))]
        clip = _trimmed(clips[name][int(rng.integers(len(clips[name])))])
        if clip is None:
            continue
        clip *= 10 ** ((level + rng.uniform(-4, 4)) / 20) / np.sqrt(np.mean(clip**2))
        first = int(rng.integers(0, length - len(clip)))
        samples[first : first + len(clip)] += clip
        events.append((name, first / RATE, (first + len(clip)) / RATE))
    peak = float(np.abs(samples).max())
    return Mix((samples / max(1.0, peak)).astype(np.float32), sorted(events, key=lambda e: e[1]))


def _noise(length: int, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose power falls with the frequency by 0 to 6 dB an octave."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0) ** rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, length)
    return noise * 10 ** (level_db / 20) / np.sqrt(np.mean(noise**2))


def _trimmed(path: Path) -> np.ndarray | None:
    """A clip from its first sound to its last, at most 30 s; None if shorter than MIN_CLIP_S."""
    format = {".ogg": "ogg", ".wav": "wav", ".flac": "flac"}[path.suffix]
    sound = load_sound(Source(str(path)), format, SoundSpec(RATE, 30.0, 1))
    clip = sound.windows[0].samples.astype(np.float64)
    frame = RATE // 50
    count = len(clip) // frame
    if not count:
        return None
    rms = np.sqrt(np.mean(clip[: count * frame].reshape(count, frame) ** 2, 1))
    loud = np.flatnonzero(rms > max(rms.max() * 10 ** (-TRIM_DB / 20), 1e-5))
    if not len(loud) or (loud[-1] + 1 - loud[0]) * frame < MIN_CLIP_S * RATE:
        return None
    return clip[loud[0] * frame : (loud[-1] + 1) * frame]
