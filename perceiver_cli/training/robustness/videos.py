"""Corruptions of videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from perceiver_cli.inference.decoding.decode import Corruption
from perceiver_cli.media.types import Video
from perceiver_cli.training.robustness import sounds


def _on_frames(edit: Callable[[np.ndarray], np.ndarray]) -> Corruption:
    """The corruption of a video. edit: uint8 [T, h, w, 3] -> the same shape."""

    def corrupt(video: Video, rng: np.random.Generator) -> Video:
        windows = tuple(replace(w, frames=edit(w.frames)) for w in video.windows)
        return replace(video, windows=windows)

    return corrupt


def _silenced(video: Video, rng: np.random.Generator) -> Video:
    windows = tuple(replace(w, sound=None) for w in video.windows)
    return replace(video, windows=windows)


CORRUPTIONS: dict[str, Corruption] = {
    "without sound": _silenced,
    "a black screen": _on_frames(np.zeros_like),
    "half as bright": _on_frames(lambda frames: frames // 2),
    "a still": _on_frames(lambda frames: np.repeat(frames[:1], len(frames), 0)),
    "sound over a telephone": sounds.CORRUPTIONS["over a telephone"],
    "noise at 10 dB": sounds.CORRUPTIONS["noise at 10 dB"],
}
