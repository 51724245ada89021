"""Adds figures that are measured later to the card of a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from perceiver_cli.checkpoints.format import read_header, replace_header


def add_to_card(path: Path, section: str, name: str, entry: dict[str, Any], **more: Any) -> None:
    """Writes an entry into the card of a checkpoint file; other entries stay.

    Args:
        path: The checkpoint.
        section: A section of the card, such as "measured".
        name: The name of the entry in the section.
        entry: The entry, as JSON types.
        more: Further entries, beside the section.

    Raises:
        CheckpointError: The file is not a checkpoint.
        OSError: It cannot be written.
    """
    header = read_header(path)
    card = header.card
    card = card | {section: card.get(section, {}) | {name: entry}} | more
    replace_header(path, replace(header, card=card))
