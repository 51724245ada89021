"""The inputs that are done according to the output itself: one entry per path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from perceiver_cli.inputs.names import split_member
from perceiver_cli.media.source import Identity, Source

# Failures that may be temporary although the file is unchanged.
_TRANSIENT = frozenset({"unreadable", "timeout"})


@dataclass(frozen=True, slots=True)
class Entry:
    """The state of one path.

    Attributes:
        ok: Whether it was classified.
        error: The kind of its error, if not.
        modality: Its modality, if it was detected.
        file: The identity of the file when it was read.
        weights: The digest of the weights, where records have it.
        options: The digest of the options, where records have it.
    """

    ok: bool
    error: str | None = None
    modality: str | None = None
    file: Identity | None = None
    weights: str | None = None
    options: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether another attempt would have the same result."""
        return self.error not in _TRANSIENT


def entry_of(record: Mapping[str, Any]) -> Entry:
    """The entry of a record, or of a row of a part."""
    error = record["error"] or {}
    file = {key: value for key, value in (record.get("file") or {}).items() if value is not None}
    return Entry(
        record["status"] == "ok",
        error.get("kind"),
        record["modality"],
        file or None,
        record.get("weights"),
        record.get("options"),
    )


def path_of(record: Mapping[str, Any]) -> str:
    """The path of a record or row, with bytes that are not UTF-8 as os.fsdecode has them."""
    path_bytes: bytes | None = record.get("path_bytes")
    return str(record["path"]) if path_bytes is None else os.fsdecode(path_bytes)


class DoneIndex:
    """The entries of an output, and the sources claimed by this run.

    Args:
        is_current: Whether an entry comes from the weights and options of this run; None: all do.
    """

    def __init__(self, is_current: Callable[[Entry], bool] | None = None) -> None:
        self._is_current = is_current
        self._entries: dict[str, Entry] = {}
        self._claimed: dict[str, Identity | None] = {}

    def __len__(self) -> int:
        """Number of inputs that are done, without those that may be tried again."""
        return sum(entry.is_final for entry in self._entries.values())

    @property
    def failed(self) -> int:
        """Number of these that failed."""
        return sum(entry.is_final and not entry.ok for entry in self._entries.values())

    def add(self, path: str, entry: Entry) -> bool:
        """Adds an entry, which replaces an older one of the same path.

        Returns:
            Whether there was an older one.
        """
        replaces = path in self._entries
        self._entries[path] = entry
        return replaces

    def valid(self, source: Source) -> Entry | None:
        """The entry of an unchanged source; None if it must be classified."""
        entry = self._entries.get(source.path)
        return entry if entry and self._is_valid(entry, source.identity()) else None

    def claim(self, source: Source) -> Entry | None:
        """The valid entry of a source; None if it must be classified (again).

        A source for which None was returned is then claimed by this run.
        """
        identity = source.identity()
        entry = self._entries.get(source.path)
        if entry and self._is_valid(entry, identity):
            return entry
        self._claimed[source.path] = identity
        return None

    def is_claimed(self, source: Source) -> bool:
        """Whether this run has claimed a source, which then occurs again."""
        return source.path in self._claimed

    def claimed_identity(self, path: str) -> Identity | None:
        """The identity that a source had when it was claimed."""
        return self._claimed.get(path)

    def members_of(self, archive: str) -> Mapping[str, Identity]:
        """The members of an archive that are done.

        Args:
            archive: Its path.

        Returns:
            Path of the member -> its identity when it was read.
        """
        return self._members.get(archive, {})

    @cached_property
    def _members(self) -> dict[str, dict[str, Identity]]:
        """Path of an archive -> its members that are done, as they are when first asked for."""
        members: dict[str, dict[str, Identity]] = {}
        for path, entry in self._entries.items():
            if entry.is_final and entry.file and (parts := split_member(path)):
                members.setdefault(parts.archive, {})[path] = entry.file
        return members

    def _is_valid(self, entry: Entry, identity: Identity | None) -> bool:
        if identity is None or entry.file != identity or not entry.is_final:
            return False
        return self._is_current is None or self._is_current(entry)
