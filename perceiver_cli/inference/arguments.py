"""Checks of a Classifier's numeric arguments; the command's options have the same ranges."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from perceiver_cli.errors import UsageError


def check_number(name: str, value: object, least: float, most: float | None = None) -> None:
    """Checks that a value is a number within a range.

    Args:
        name: The argument's name, for the message.
        value: Its value; None is accepted.
        least: The lowest number of the range.
        most: The highest number of the range; None: the range has no upper end.

    Raises:
        UsageError: The value is not a number, or it is out of range.
    """
    if value is None:
        return
    limits = f"at least {least}" if most is None else f"between {least} and {most}"
    if not isinstance(value, Real):
        raise UsageError(f"{name} must be a number (got {value!r})")
    number: Any = value
    # This form of the comparison also refuses NaN.
    if not (least <= number and (most is None or number <= most)):
        raise UsageError(f"{name} must be {limits} (got {value})")


def check_integer(name: str, value: object, least: int, most: int | None = None) -> None:
    """As check_number, for integers. Raises UsageError."""
    check_number(name, value, least, most)
    if value is not None and not isinstance(value, Integral):
        raise UsageError(f"{name} must be an integer (got {value})")
