"""Results of decoding: an input ready for its model, or the reason why it cannot be classified."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perceiver_cli.detect import Detection
from perceiver_cli.errors import InputError, NotMediaError
from perceiver_cli.media.source import Source
from perceiver_cli.preparation.base import Preview, Window
from perceiver_cli.preparation.signal import Signal


@dataclass(frozen=True)
class PreparedItem:
    """An input as a model reads it. Can be pickled.

    Attributes:
        source: The file.
        detection: Its detected type.
        weights: The checkpoint to use for it.
        windows: Arrays of fixed shape; at least one window.
        facts: The record's `input`.
        notes: One line for each thing that was left out or repaired.
        preview: The input as shown to people, if it was requested.
        seconds: How long decoding took.
        total: Number of windows of the whole file; `windows` may be only a part of them.
        read_whole: Whether the windows, with those still to be loaded, cover all of the file.
    """

    source: Source
    detection: Detection
    weights: Path
    windows: tuple[Window, ...]
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    preview: Preview = field(default_factory=Preview)
    seconds: float = 0.0
    total: int = 1
    read_whole: bool = False

    @property
    def signal(self) -> Signal:
        """ "present" if any window has something to classify, else why the first has not."""
        windows = (window.signal for window in self.windows)
        return "present" if "present" in windows else self.windows[0].signal

    @property
    def has_signal(self) -> bool:
        """Whether any of its windows has something to classify."""
        return self.signal == "present"

    @property
    def kind(self) -> Hashable:
        """Items of the same kind fit into one batch: the same weights, the same shapes."""
        return self.weights, *self.windows[0].shapes


@dataclass(frozen=True)
class FailedItem:
    """An input that cannot be classified. Can be pickled.

    Attributes:
        source: The file.
        error: Why.
        seconds: How long that took.
    """

    source: Source
    error: InputError
    seconds: float = 0.0

    @property
    def kind(self) -> Hashable:
        """All failures are of one kind: no model is needed for them."""
        return ()

    @property
    def is_no_media(self) -> bool:
        """Whether it is passed over in a folder, see is_no_media."""
        return is_no_media(self.source, self.error)


Item = PreparedItem | FailedItem


def is_no_media(source: Source, error: InputError) -> bool:
    """Whether an input is passed over in a folder. Media are never passed over.

    A file without bytes is not media. A sound without samples, which is "empty" too, is media.

    Args:
        source: The input.
        error: Why it cannot be classified.
    """
    if error.kind == "empty":
        return source.has_no_bytes()
    return isinstance(error, NotMediaError)
