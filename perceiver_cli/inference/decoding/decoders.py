"""Where items are prepared: in this process, or in others (subprocess_decoder.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from perceiver_cli.inference.decoding.items import Item
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.media.types import Source


class Decoder(Protocol):
    """Prepares items; several threads may call it at a time."""

    def prepare(self, source: Source) -> Item:
        """See Preparer.prepare."""

    def close(self) -> None:
        """Ends what is under way, where that can be done."""


@dataclass(frozen=True)
class InProcessDecoder:
    """Decodes in this process: nothing to start, but a decoder that hangs cannot be ended."""

    preparer: Preparer

    def prepare(self, source: Source) -> Item:
        """See Decoder."""
        return self.preparer.prepare(source)

    def close(self) -> None:
        """Nothing can be ended."""
