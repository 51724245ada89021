"""The data that `perceiver inspect` shows: the file, its model, and the byte array."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from perceiver_cli.adapters.base import Adapter
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.inference.decoding.items import FailedItem
from perceiver_cli.inference.long_inputs import notes_of, parts_of
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Window


@dataclass(frozen=True)
class ChannelRange:
    """A range of channels of a stream, and the values that this file has in them.

    Attributes:
        stream: The stream's name.
        name: The meaning of the channels.
        count: Number of channels.
        min: The smallest value.
        mean: The mean value.
        max: The largest value.
    """

    stream: str
    name: str
    count: int
    min: float
    mean: float
    max: float


@dataclass(frozen=True)
class Inspection:
    """The data that `perceiver inspect` shows.

    Attributes:
        path: The file.
        modality: Its modality.
        format: Its format, as detection names it.
        detected_by: The reason for the modality.
        model: Name of the weights.
        input: The record's `input`.
        notes: One line for each thing that was left out or repaired.
        elements: Stream -> its number of elements; "learned": that of the learned ones.
        width: C of the byte array, to which several streams are padded.
        channels: The channels of the first window that has a signal.
        recipe: The adapter's settings.
        windows: The location of each window in the file.
    """

    path: str
    modality: str
    format: str
    detected_by: str
    model: str
    input: dict[str, Any]
    notes: list[str]
    elements: dict[str, int]
    width: int
    channels: list[ChannelRange]
    recipe: dict[str, Any]
    windows: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        values = asdict(self)
        elements, width = values.pop("elements"), values.pop("width")
        channels = values.pop("channels")
        values["byte_array"] = {
            "elements": sum(elements.values()),
            "channels": width,
            "streams": elements,
            "groups": channels,
        }
        return values


def inspect_source(source: Source, classifier: Classifier) -> Inspection:
    """Decodes and adapts a file as `classifier` would, without running the model.

    Args:
        source: The file.
        classifier: Its weights are used.

    Raises:
        InputError: The file cannot be classified.
        CheckpointError: There are no weights for it.
    """
    prepare = classifier.preparer.prepare
    item = prepare(source.fetched())
    if isinstance(item, FailedItem):
        raise item.error
    shown: Window | None = None
    locations: list[dict[str, Any]] = []
    notes: dict[str, None] = {}
    for part in parts_of(item, item.source, prepare):
        notes |= dict.fromkeys(notes_of(part))
        if isinstance(part, FailedItem):
            continue
        shown = shown or next((window for window in part.windows if window.has_signal), None)
        locations += [_location(window) for window in part.windows]
    engine, detection = classifier.engine_of(item), item.detection
    streams = engine.byte_arrays([shown or item.windows[0]])
    elements = {name: x.shape[1] for name, x in streams.items()}
    if learned := engine.header.model.learned_elements:
        elements["learned"] = learned
    return Inspection(
        path=source.path,
        modality=detection.modality,
        format=detection.format,
        detected_by=detection.reason,
        model=engine.header.name,
        input=item.facts,
        notes=list(notes),
        elements=elements,
        width=engine.header.model.channels,
        channels=_ranges(engine.adapter, streams),
        recipe=asdict(engine.adapter.recipe),
        windows=locations,
    )


def _ranges(adapter: Adapter, streams: dict[str, Tensor]) -> list[ChannelRange]:
    ranges = []
    start = dict.fromkeys(streams, 0)
    for stream, name, count in adapter.channels:
        if stream not in streams:
            continue
        values = streams[stream][..., start[stream] : start[stream] + count].float()
        start[stream] += count
        figures = (values.min(), values.mean(), values.max())
        ranges.append(ChannelRange(stream, name, count, *(round(float(v), 4) for v in figures)))
    return ranges


def _location(window: Window) -> dict[str, Any]:
    """The location of a window, in plain types, without its index and the levels for events."""
    location = window.location.items()
    return {
        name: _plain(value)
        for name, value in location
        if name != "index" and not name.startswith("levels")
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [round(float(v), 4) + 0.0 for v in value]  # 0 instead of -0
    return value if isinstance(value, str) else round(float(value), 4)
