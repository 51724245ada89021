"""What files of everyday life do to their content: changes under which accuracy is measured.

Each takes what a loader gives and a random generator, and gives the same kind of thing; the label
stays true. `evaluate --changes` reports accuracy under each beside the clean figure.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from perceiver_cli.detect import Detection
from perceiver_cli.inference.decoding import steps
from perceiver_cli.inference.decoding.decode import Here
from perceiver_cli.inference.decoding.steps import Prepared
from perceiver_cli.media.types import Picture, PointCloud, Sound, Source, Video
from perceiver_cli.preparation.base import Preparation
from perceiver_cli.training.augment.compression import as_jpeg

Change = Callable[[Any, np.random.Generator], Any]


class Changed(Here):
    """Decodes in this process and changes what was loaded; a file always in the same way."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def prepare(self, source: Source, detection: Detection, preparation: Preparation) -> Prepared:
        """The source as a model reads it, changed before. Raises InputError."""
        rng = np.random.default_rng(zlib.crc32(source.path.encode(errors="surrogateescape")))
        media = self._change(steps.load(source, detection, preparation.needs), rng)
        return steps.bring(media, preparation)


def _on_picture(edit: Callable[[Image.Image, np.random.Generator], Image.Image]) -> Change:
    def change(picture: Picture, rng: np.random.Generator) -> Picture:
        pixels = np.asarray(edit(Image.fromarray(picture.pixels), rng))
        return replace(picture, pixels=pixels, width=pixels.shape[1], height=pixels.shape[0])

    return change


def _off_centre(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """On a grey sheet 1.4 times as wide and high, anywhere on it."""
    wide, high = round(1.4 * picture.width), round(1.4 * picture.height)
    sheet = Image.new("RGB", (wide, high), (124, 116, 104))
    left = rng.integers(wide - picture.width + 1)
    sheet.paste(picture, (int(left), int(rng.integers(high - picture.height + 1))))
    return sheet


def _on_samples(
    edit: Callable[[np.ndarray, int, np.random.Generator], np.ndarray],
) -> Change:
    """edit: float32 [S] and the samples per second -> float [any length]."""

    def change(media: Sound | Video, rng: np.random.Generator) -> Sound | Video:
        if isinstance(media, Sound):
            windows = tuple(
                replace(w, samples=edit(w.samples, media.rate, rng).astype(np.float32))
                for w in media.windows
            )
        else:
            windows = tuple(
                w
                if w.sound is None
                else replace(w, sound=edit(w.sound, media.sound_rate, rng).astype(np.float32))
                for w in media.windows
            )
        return replace(media, windows=windows)

    return change


def _telephone(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Nothing but 300 to 3,400 Hz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)
    return np.fft.irfft(spectrum * ((hertz >= 300) & (hertz <= 3400)), len(samples))


def _clipped(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return np.clip(8 * samples / max(1e-9, np.abs(samples).max()), -1, 1)


def _short(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The half second with the most energy."""
    wanted = rate // 2
    if len(samples) <= wanted:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[wanted:] - energy[:-wanted]))
    return samples[start : start + wanted]


def _noisy(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return samples + _at_10_db(samples, rng.standard_normal(len(samples)))


def _with_music(samples: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A plucked chord twice a second behind it."""
    seconds = np.arange(len(samples)) / rate
    pitches = rng.choice([98, 110, 131, 147, 165, 196]) * np.array([1, 1.25, 1.5, 2])
    chord = sum(np.sin(2 * np.pi * p * h * seconds) / h for p in pitches for h in (1, 2, 3, 4))
    return samples + _at_10_db(samples, chord * np.exp(-3 * (seconds % 0.5)))


def _at_10_db(samples: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """`beside`, 10 dB quieter than the samples."""
    loudness = np.sqrt(np.mean(np.square(samples))) / max(1e-9, np.sqrt(np.mean(beside**2)))
    return beside * loudness * 10 ** (-10 / 20)


def _on_points(edit: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Change:
    """edit: float64 [N, 3], z up -> float64 [any N, 3]."""

    def change(cloud: PointCloud, rng: np.random.Generator) -> PointCloud:
        return replace(cloud, points=edit(cloud.points, rng))

    return change


def _size(points: np.ndarray) -> float:
    """The largest distance from the middle."""
    return float(np.linalg.norm(points - points.mean(0), axis=1).max())


def _turned(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """By any angle about the vertical."""
    angle = rng.uniform(0, 2 * np.pi)
    sin, cos = np.sin(angle), np.cos(angle)
    return points @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])


def _partly_hidden(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Without the fifth of the points that lies furthest in some direction."""
    direction = rng.standard_normal(3)
    return points[np.argsort(points @ direction)[: max(1, round(0.8 * len(points)))]]


def _few(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return points[rng.permutation(len(points))[:200]]


def _on_frames(edit: Callable[[np.ndarray], np.ndarray]) -> Change:
    """edit: uint8 [T, h, w, 3] -> the same."""

    def change(video: Video, rng: np.random.Generator) -> Video:
        windows = tuple(replace(w, frames=edit(w.frames)) for w in video.windows)
        return replace(video, windows=windows)

    return change


def _silenced(video: Video, rng: np.random.Generator) -> Video:
    windows = tuple(replace(w, sound=None) for w in video.windows)
    return replace(video, windows=windows)


_SOUND: dict[str, Change] = {
    "the loudest half second": _on_samples(_short),
    "40 dB quieter": _on_samples(lambda samples, rate, rng: 0.01 * samples),
    "clipped": _on_samples(_clipped),
    "over a telephone": _on_samples(_telephone),
    "noise at 10 dB": _on_samples(_noisy),
    "music behind at 10 dB": _on_samples(_with_music),
}

CHANGES: dict[str, dict[str, Change]] = {
    "image": {
        "off centre": _on_picture(_off_centre),
        "turned by up to 15 degrees": _on_picture(
            lambda p, rng: p.rotate(rng.uniform(-15, 15), Image.Resampling.BICUBIC)
        ),
        "JPEG of quality 20": _on_picture(lambda p, rng: as_jpeg(p, 20)),
        "half as bright": _on_picture(lambda p, rng: p.point(lambda value: value // 2)),
        "grey": _on_picture(lambda p, rng: p.convert("L").convert("RGB")),
        "blurred": _on_picture(lambda p, rng: p.filter(ImageFilter.GaussianBlur(min(p.size) / 64))),
    },
    "audio": _SOUND,
    "pointcloud": {
        "scaled and moved": _on_points(
            lambda points, rng: points * 10 ** rng.uniform(-3, 3) + rng.uniform(-100, 100, 3)
        ),
        "200 points": _on_points(_few),
        "noise of 2 %": _on_points(
            lambda points, rng: points + 0.02 * _size(points) * rng.standard_normal(points.shape)
        ),
        "a fifth hidden": _on_points(_partly_hidden),
        "turned about the vertical": _on_points(_turned),
    },
    "av": {
        "without sound": _silenced,
        "a black screen": _on_frames(np.zeros_like),
        "half as bright": _on_frames(lambda frames: frames // 2),
        "a still": _on_frames(lambda frames: np.repeat(frames[:1], len(frames), 0)),
        "sound over a telephone": _SOUND["over a telephone"],
        "noise at 10 dB": _SOUND["noise at 10 dB"],
    },
}
