"""Corruptions of loaded media, and the decoder that applies one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from perceiver_cli.detect import Detection
from perceiver_cli.inference.decoding import steps
from perceiver_cli.inference.decoding.decode import Here
from perceiver_cli.inference.decoding.steps import Prepared
from perceiver_cli.media.types import Source
from perceiver_cli.preparation.base import Preparation

Corruption = Callable[[Any, np.random.Generator], Any]


class CorruptingDecoder(Here):
    """Decodes in this process and corrupts what was loaded; a file always in the same way."""

    def __init__(self, corruption: Corruption) -> None:
        self._corruption = corruption

    def prepare(self, source: Source, detection: Detection, preparation: Preparation) -> Prepared:
        """The source as a model reads it, corrupted before. Raises InputError."""
        rng = np.random.default_rng(zlib.crc32(source.path.encode(errors="surrogateescape")))
        media = self._corruption(steps.load(source, detection, preparation), rng)
        return steps.bring(media, preparation)
