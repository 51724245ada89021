"""Decoders prepare items, in this process or in subprocesses (subprocess_decoder.py)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Protocol

from perceiver_cli.errors import InputError
from perceiver_cli.inference.decoding.items import FailedItem, Item
from perceiver_cli.inference.decoding.preparer import Preparer
from perceiver_cli.inputs.network_errors import CHANGED
from perceiver_cli.media.held_content import ContentLimit
from perceiver_cli.media.large_inputs import one_large_input_at_a_time
from perceiver_cli.media.limits import MAX_PIPE_BYTES
from perceiver_cli.media.source import Source

# Number of remote inputs that are fetched at a time; most of that time is spent waiting.
FETCHED_AT_ONCE = 16

# Maximum bytes of unpacked members of archives that are held at a time: as many as one may have.
HELD_BYTES = MAX_PIPE_BYTES

RUN_HAS_ENDED = "was not read because the run ended"


class Decoder(Protocol):
    """Prepares the items of one stream; several threads may call it at a time."""

    def prepare(self, source: Source) -> Item:
        """See Preparer.prepare."""

    def close(self) -> None:
        """Ends the work in progress if possible; later calls fail immediately."""


class InProcessDecoder:
    """Decodes in this process, which is faster to start; a hanging decoder cannot be ended."""

    def __init__(self, preparer: Preparer) -> None:
        self.preparer = preparer
        self._closed = threading.Event()
        self._large = threading.Lock()

    def prepare(self, source: Source) -> Item:
        """See Decoder."""
        if self._closed.is_set():
            return FailedItem(source, InputError("unreadable", RUN_HAS_ENDED))
        with one_large_input_at_a_time(self._large):
            return self.preparer.prepare(source)

    def close(self) -> None:
        """Work in progress cannot be ended."""
        self._closed.set()


class FetchingDecoder:
    """Fetches remote inputs, more at a time than are decoded.

    Args:
        decoder: Decodes; it is closed with this one.
        at_once: Maximum number of inputs decoded at a time.
    """

    def __init__(self, decoder: Decoder, at_once: int) -> None:
        self._decoder = decoder
        self._room = threading.Semaphore(at_once)
        self._held = ContentLimit(HELD_BYTES)

    def prepare(self, source: Source) -> Item:
        """See Decoder."""
        with self._held.counted():
            try:
                fetched = source.fetched()
            except InputError as error:
                return FailedItem(source, error)
            with self._room:
                item = self._decoder.prepare(fetched)
                try:
                    if fetched.changed():
                        raise InputError("unreadable", CHANGED)
                except InputError as error:
                    return FailedItem(source, error)
        # The fetched content is released before the item waits for the model.
        return item if fetched is source else replace(item, source=source)

    def close(self) -> None:
        """See Decoder."""
        self._decoder.close()
