"""Ranges of a Classifier's numbers, which are those of the command's options."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from perceiver_cli.errors import UsageError


def check_number(name: str, value: object, least: float, most: float | None = None) -> None:
    """Refuses what is no number of a range.

    Args:
        name: The argument's name.
        value: Its value; None passes.
        least: The lowest number of the range.
        most: The highest number of the range; None: there is none.

    Raises:
        UsageError: The value is no number, or out of range.
    """
    if value is None:
        return
    wanted = f"at least {least}" if most is None else f"from {least} to {most}"
    if not isinstance(value, Real):
        raise UsageError(f"{name} is a number, {wanted}, not {value!r}")
    number: Any = value
    # Written so that NaN is out of range.
    if not (least <= number and (most is None or number <= most)):
        raise UsageError(f"{name} is {wanted}, not {value}")


def check_whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """As check_number, for whole numbers. Raises UsageError."""
    check_number(name, value, least, most)
    if value is not None and not isinstance(value, Integral):
        raise UsageError(f"{name} is a whole number, not {value}")
