"""Detection and decoding of an input, for classification and for training.

Imports no torch: decoding processes run this.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from perceiver_cli.detect import Detection, detect
from perceiver_cli.media.library_errors import UNREADABLE_CONTENT, wrap_errors
from perceiver_cli.media.source import Source
from perceiver_cli.media.types import Media
from perceiver_cli.preparation.base import Preparation, Preview, Window

# Changes loaded media, see training/robustness/.
Corruption = Callable[[Any, np.random.Generator], Any]


@dataclass(frozen=True)
class Decoded:
    """An input in the form that a recipe asks for.

    Attributes:
        media: The loaded media.
        windows: Arrays of fixed shape; at least one window.
        preview: The input as shown to people; empty unless it was requested.
    """

    media: Media
    windows: tuple[Window, ...]
    preview: Preview


def identify(source: Source) -> Detection:
    """Detects the type of an input.

    Args:
        source: The input.

    Raises:
        InputError: No loader reads it, or it cannot be read.
    """
    with wrap_errors("corrupt", UNREADABLE_CONTENT):
        return detect(source)


def decode(
    source: Source,
    detection: Detection,
    preparation: Preparation,
    *,
    corruption: Corruption | None = None,
    preview: bool = False,
) -> Decoded:
    """Loads an input and cuts it into windows.

    Args:
        source: The input.
        detection: Its type, see identify.
        preparation: Loads it and converts it to the model's input.
        corruption: Changes the loaded media, always in the same way for the same file.
        preview: Whether the input is also returned as shown to people.

    Raises:
        InputError: It cannot be decoded, or not converted to the model's input.
    """
    with wrap_errors("corrupt", UNREADABLE_CONTENT):
        media = preparation.load(source, detection.format)
    if corruption:
        seed = zlib.crc32(source.path.encode(errors="surrogateescape"))
        media = corruption(media, np.random.default_rng(seed))
    with wrap_errors("corrupt", "its content cannot be converted to the model's input"):
        windows = tuple(preparation.windows(media))
        return Decoded(media, windows, preparation.preview(media) if preview else Preview())
