"""From a source to an item: detection, the choice of weights, loading, preparation.

Imports no torch: decoding processes run this. Of a checkpoint only the header is read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import Header, read_header
from perceiver_cli.detect import Detection
from perceiver_cli.errors import CheckpointError, InputError, NotMediaError
from perceiver_cli.inference.decoding.decode import Corruption, decode, identify
from perceiver_cli.inference.decoding.items import FailedItem, Item, PreparedItem
from perceiver_cli.media.source import Source
from perceiver_cli.modalities import MODALITIES, serving
from perceiver_cli.preparation.base import Preparation, ReadOptions
from perceiver_cli.preparation.recipes import preparation_for

DefaultWeights = Mapping[str, Path | CheckpointError]


@dataclass(frozen=True)
class Preparer:
    """Prepares inputs for their models. Can be pickled.

    Attributes:
        weights: Modality -> its checkpoint, or the error if it has none; or one path for all.
        modality: Modality of every input; "auto": detected from the content.
        strict: Whether an input fails if something was left out or repaired.
        preview_sides: Minimum length in pixels of the shorter side of previews: of pictures, and of
            the frames of a video; None: no previews.
        corruption: Changes the loaded media, always in the same way for the same file.
        read_options: How much of sounds and films is read.
    """

    weights: Path | DefaultWeights
    modality: str = "auto"
    strict: bool = False
    preview_sides: tuple[int, int] | None = None
    corruption: Corruption | None = None
    read_options: ReadOptions = field(default_factory=ReadOptions)
    _headers: dict[Path, Header] = field(default_factory=dict, repr=False)
    _preparations: dict[Path, Preparation] = field(default_factory=dict, repr=False)

    def prepare(self, source: Source) -> Item:
        """Prepares an input for its model; a file that fails gives a FailedItem.

        Raises:
            CheckpointError: The weights for it are missing or damaged.
        """
        started = time.perf_counter()
        try:
            return self._prepare(source, started)
        except InputError as error:
            return FailedItem(source, error, time.perf_counter() - started)

    def _prepare(self, source: Source, started: float) -> PreparedItem:
        asked = source if self.modality == "auto" else replace(source, modality=self.modality)
        detected = identify(asked)
        detection = _read_as(detected, asked.modality)
        weights = self._weights_for(detection, asked.modality)
        preparation = self._preparation(weights)
        if detection is not detected:
            preparation = preparation.for_stream(detection.modality)
        if self.preview_sides:
            preparation = preparation.for_preview(*self.preview_sides)
        hop_s = self._header(weights).events.get("hop_s")
        read_options = replace(self.read_options, hop_s=self.read_options.hop_s or hop_s)
        preparation = preparation.for_reading(read_options, source.part)
        decoded = decode(
            asked,
            detection,
            preparation,
            corruption=self.corruption,
            preview=self.preview_sides is not None,
        )
        media = decoded.media
        if self.strict and media.notes:
            raise InputError("corrupt", "; ".join(media.notes))
        seconds = time.perf_counter() - started
        return PreparedItem(
            source,
            detection,
            weights,
            decoded.windows,
            media.describe(),
            media.notes,
            decoded.preview,
            seconds,
            media.total,
            media.read_whole,
        )

    def _weights_for(self, detection: Detection, wanted: str | None) -> Path:
        """The checkpoint for a detected input. Raises InputError, CheckpointError."""
        modality = detection.modality
        one = MODALITIES[modality].one
        if wanted not in (None, modality):
            other = MODALITIES[wanted].one if wanted in MODALITIES else wanted
            raise NotMediaError("unsupported", f"is {one} ({detection.reason}), not {other}")
        if isinstance(self.weights, Path):
            header = self._header(self.weights)
            reads = header.recipe.get("modality")
            if serving(modality) != reads:
                others = MODALITIES[reads].several if reads in MODALITIES else reads
                raise NotMediaError("unsupported", f"is {one}, but {header.name} reads {others}")
            return self.weights
        found = self.weights[modality]
        if isinstance(found, CheckpointError):
            raise found
        return found

    def _header(self, weights: Path) -> Header:
        """The header of a checkpoint, read once: it takes longer than a small picture."""
        if weights not in self._headers:
            self._headers[weights] = read_header(weights)
        return self._headers[weights]

    def _preparation(self, weights: Path) -> Preparation:
        if weights not in self._preparations:
            try:
                self._preparations[weights] = preparation_for(self._header(weights).recipe)
            except ValueError as error:
                raise CheckpointError(f"{weights}: {error}") from None
        return self._preparations[weights]


def _read_as(detection: Detection, wanted: str | None) -> Detection:
    """The detection of an input as the wanted modality, if one of its streams alone is that."""
    if wanted in MODALITIES[detection.modality].read_as:
        return replace(detection, modality=wanted)
    return detection


def default_weights() -> DefaultWeights:
    """Modality -> its default checkpoint, or the error if it has none."""
    weights: dict[str, Path | CheckpointError] = {}
    for modality in MODALITIES:
        try:
            weights[modality] = registry.default_for(modality)
        except CheckpointError as error:
            weights[modality] = error
    return weights
