"""The entries of a checkpoint's card that the program reads; a card may have others."""

from __future__ import annotations

from typing import TypedDict


class Origin(TypedDict):
    """The published file that a checkpoint was converted from."""

    file: str
    revision: str
    sha256: str


class Figures(TypedDict, total=False):
    """Measured accuracy: the number of items, and shares in [0, 1]."""

    items: int
    top1: float | None
    top5: float | None
    class_mean: float | None
    ece: float | None
    kept: float | None


class Gain(TypedDict):
    """The faithfulness of an explanation method beyond that of a random order."""

    gain: float
    gain_error: float


class Faithfulness(TypedDict):
    """The faithfulness of the explanation methods."""

    items: int
    methods: dict[str, Gain]


class Card(TypedDict, total=False):
    """A card.

    Attributes:
        command: The command that made the checkpoint.
        notes: Lines about it.
        origin: Its published file, if it was converted.
        measured: Name of a split -> its figures.
        faithfulness: Name of a split -> the faithfulness on it.
        explain_with: The default explanation method.
    """

    command: str
    notes: list[str]
    origin: Origin | None
    measured: dict[str, Figures]
    faithfulness: dict[str, Faithfulness]
    explain_with: str
