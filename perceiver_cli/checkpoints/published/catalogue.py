"""The four published classifiers: their repositories and cards. Imports no torch."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from perceiver_cli.errors import UsageError

Kind = Literal["fourier", "learned", "conv", "multimodal"]


@dataclass(frozen=True)
class Published:
    """One published classifier. repository: on the hub; about: one line; top1: as published."""

    name: str
    kind: Kind
    repository: str
    about: str
    data: str
    licence: str
    top1: str


_IMAGENET = "ImageNet-1k (ILSVRC 2012), 1.28 million photographs, trained by DeepMind"
_IMAGENET_TERMS = "Apache-2.0 for the weights; ImageNet is for non-commercial research"

PUBLISHED: dict[str, Published] = {
    entry.name: entry
    for entry in (
        Published(
            "imagenet-fourier",
            "fourier",
            "deepmind/vision-perceiver-fourier",
            "pixels with 2D Fourier features",
            _IMAGENET,
            _IMAGENET_TERMS,
            "79.0 % on ImageNet",
        ),
        Published(
            "imagenet-learned",
            "learned",
            "deepmind/vision-perceiver-learned",
            "pixels with learned positions: nothing about images is built in",
            _IMAGENET,
            _IMAGENET_TERMS,
            "72.7 % on ImageNet",
        ),
        Published(
            "imagenet-conv",
            "conv",
            "deepmind/vision-perceiver-conv",
            "a convolution and pooling before the cross-attend",
            _IMAGENET,
            _IMAGENET_TERMS,
            "82.1 % on ImageNet",
        ),
        Published(
            "kinetics-av",
            "multimodal",
            "deepmind/multimodal-perceiver",
            "the label head of a video and sound autoencoder",
            "Kinetics-700-2020, 10 s video clips with sound, trained by DeepMind",
            "Apache-2.0 for the weights; the clips have their owners' terms",
            "",
        ),
    )
}


def of_kind(kind: Kind) -> Published:
    """The published classifier of one kind.

    Args:
        kind: The kind of the classifier.
    """
    return next(entry for entry in PUBLISHED.values() if entry.kind == kind)


def published(name: str) -> Published:
    """The published classifier of that name.

    Args:
        name: As `models list` shows it.

    Raises:
        UsageError: It does not exist; the message suggests a similar name.
    """
    if name in PUBLISHED:
        return PUBLISHED[name]
    near = difflib.get_close_matches(name, PUBLISHED, 1, 0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(PUBLISHED)}"
    raise UsageError(f"no such published model: {name}; {hint}")
