"""A file, and what the model's answer for it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from perceiver_cli.attributing import attribute
from perceiver_cli.classify import Classifier
from perceiver_cli.errors import InputError
from perceiver_cli.maps import Explanation, Method, Part
from perceiver_cli.media.loading import load
from perceiver_cli.media.types import Media, Picture, PictureSpec, Source, Video, VideoSpec

ABOUT: dict[Method, str] = {
    "attention": "Attention: where the latents look, averaged over heads and latents. "
    "It says what is read, not what it is read for.",
    "rollout": "Rollout: attention followed from the answer through all layers down to the "
    "elements, as if every layer kept half of what it had.",
    "gradient": "Gradient x input: how much the answer changes with what is there, to first "
    "order, for it or against it.",
}

# People see files larger than the model does: the shorter side of pictures and of frames.
PICTURE_SIDE, FRAME_SIDE = 1500, 480


def explain(source: Source, classifier: Classifier, method: Method) -> Explanation:
    """Classifies a file and attributes the answer to its elements, in every window.

    Raises InputError if the file cannot be classified, CheckpointError without weights for it.
    """
    result = classifier.classify(source)
    if not result.ok:
        raise InputError(result.error.kind, result.error.message)
    decoded = classifier.decode(source)
    engine = decoded.engine
    best = result.predictions[0].index
    shown = load(source, decoded.detection, _for_people(engine.adapter.needs))
    names: tuple[str, ...] = (method,)
    parts = []
    for index, window in enumerate(decoded.windows):
        mass, sizes = attribute(engine, window, method, best)
        if method == "attention" and len(mass) > 1:
            names = (*(f"look {k + 1}" for k in range(len(mass))), "all looks")
            mass = np.concatenate([mass, mass.mean(0, keepdims=True)])
        maps, shares, start = {}, {}, 0
        for stream, size in sizes.items():
            own = mass[:, start : start + size]
            shares[stream] = own.sum(1)
            maps[stream] = engine.adapter.layout(stream, own * mass.shape[1], window)
            start += size
        parts.append(Part(maps, shares, _frames(shown, index)))
    size = (shown.width, shown.height) if isinstance(shown, Picture | Video) else None
    return Explanation(result, method, ABOUT[method], names, tuple(parts), size)


def _for_people(needs: Any) -> Any:
    if isinstance(needs, PictureSpec):
        return replace(needs, at_least=max(needs.at_least, PICTURE_SIDE))
    if isinstance(needs, VideoSpec):
        return replace(needs, short_side=max(needs.short_side, FRAME_SIDE), sound_rate=None)
    return needs


def _frames(media: Media, index: int) -> np.ndarray | None:
    if isinstance(media, Picture):
        return media.pixels
    return media.windows[index].frames if isinstance(media, Video) else None
