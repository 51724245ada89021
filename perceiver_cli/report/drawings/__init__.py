"""Drawings of explanations, which are plain arrays: no model and no file is read.

Needs matplotlib, the optional extra `plots`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import MODALITIES, find_modality, part

if TYPE_CHECKING:
    from perceiver_cli.explanations import Explanation

ENDINGS = tuple(dict.fromkeys(e for row in MODALITIES.values() for e in row.drawing_endings))


def check_drawing() -> None:
    """Raises UsageError, which says how to install it, if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError("drawing needs matplotlib: pip install 'perceiver-cli[plots]'") from None


def draw(explanation: Explanation, ending: str) -> bytes:
    """The explanation as a file with that ending, such as ".png".

    Raises:
        UsageError: The modality has no drawing with that ending, or matplotlib is missing.
    """
    row = find_modality(explanation.result.modality)
    if ending not in row.drawing_endings:
        known = ", ".join(row.drawing_endings)
        problem = f"the explanation of a {row.noun} cannot be written as {ending}"
        raise UsageError(f"{problem}: use {known}")
    check_drawing()
    drawn: bytes = part(row.name, "drawing")(explanation, ending)
    return drawn
