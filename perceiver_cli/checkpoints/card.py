"""What is measured later, added to the card that a checkpoint file carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from perceiver_cli.checkpoints.format import read_header, replace_header


def add_to_card(path: Path, section: str, name: str, entry: dict[str, Any], **more: Any) -> None:
    """Writes an entry under `name` into a section of the card, and `more` beside the section.

    Other entries stay. Raises CheckpointError if the file cannot be used.
    """
    header = read_header(path)
    card = header.card
    card = card | {section: card.get(section, {}) | {name: entry}} | more
    replace_header(path, replace(header, card=card))
