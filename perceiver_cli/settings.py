"""Reads settings into a dataclass and checks them against its annotations.

For untrusted values: a checkpoint's header, a record, or --set. Supports int, float, bool, str,
Literal, tuple, list, dict, Any, unions, other dataclasses, TypedDict, and limits on any of them by
Annotated. A dataclass refuses unknown keys; a TypedDict keeps them unchecked.
"""

from __future__ import annotations

import json
import math
import reprlib
import sys
import types
from collections.abc import Mapping, Set
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """The range of a number.

    Attributes:
        least: the smallest value; excluded if `open_below` is set.
        most: the largest value.
    """

    least: float
    most: float = math.inf
    open_below: bool = False

    def hold(self, value: float) -> bool:
        """Whether a value is in the range."""
        above = value > self.least if self.open_below else value >= self.least
        return above and value <= self.most

    def __str__(self) -> str:
        least = f"more than {self.least:,g}" if self.open_below else f"at least {self.least:,g}"
        return least if math.isinf(self.most) else f"{least} and at most {self.most:,.10g}"


@dataclass(frozen=True)
class Length:
    """The number of values in a list."""

    count: int

    def hold(self, value: list[Any]) -> bool:
        """Whether a list has this length."""
        return len(value) == self.count

    def __str__(self) -> str:
        return f"a list of {self.count}"


@dataclass(frozen=True)
class Keys:
    """The types of an object's values; other keys stay unchecked.

    Attributes:
        kind: A TypedDict.
    """

    kind: Any


# Sizes have upper limits, so that a wrong one is refused before memory is allocated for it.
Count = Annotated[int, Limits(1, 1_000_000)]
CountOrZero = Annotated[int, Limits(0, 1_000_000)]
Depth = Annotated[int, Limits(1, 1_000)]
# Pixels of a picture's side, or bands of a spectrum.
Side = Annotated[int, Limits(1, 4_096)]
FourierBands = Annotated[int, Limits(0, 1_000)]
WindowSeconds = Annotated[float, Limits(0, 600, open_below=True)]
NotNegative = Annotated[float, Limits(0, 1_000_000)]
Positive = Annotated[float, Limits(0, open_below=True)]
# Fitted temperatures are from 0.05 to 20; beyond these limits, float32 scores would be NaN.
Temperature = Annotated[float, Limits(1e-6, 1e6)]
Share = Annotated[float, Limits(0, 1, open_below=True)]
# Pillow's scale up to 95, beyond which files grow without better quality. 0: no compression.
JpegQuality = Annotated[int, Limits(0, 95)]


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or has a number that is not finite, which
            Python's own parser accepts.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def read_settings(kind: type[T], values: Mapping[str, Any], what: str) -> T:
    """Creates an instance of the dataclass `kind` from JSON values.

    Args:
        kind: The dataclass, or TypedDict, whose annotations define the allowed values.
        values: Field -> value; lists become tuples, objects become dataclasses.
        what: The name of a value in messages: "model setting", "record value".

    Raises:
        ValueError: a setting is unknown, missing, of a wrong type or not allowed; the message is
            one line that names it.
    """
    try:
        result: T = _read(kind, values, what, "")
    except _WrongError as error:
        raise ValueError(f"{what}s must be {error}") from None
    return result


def _read_dataclass(kind: Any, values: Mapping[str, Any], what: str, prefix: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    needed = {name for name, f in known.items() if _is_needed(f)}
    _check_names("unknown", set(values) - set(known), what, prefix)
    _check_names("missing", needed - set(values), what, prefix)
    hints = _hints(kind)
    return kind(
        **{name: _read_field(hints[name], values[name], what, f"{prefix}{name}") for name in values}
    )


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Field -> annotation; evaluating the annotations takes longer than reading a record."""
    return get_type_hints(kind, include_extras=True)


def _check_names(wrong: str, names: Set[str], what: str, prefix: str) -> None:
    """Raises ValueError if there are any wrong names."""
    if names:
        listed = ", ".join(sorted(f"{prefix}{name}" for name in names))
        raise ValueError(f"{wrong} {what}s: {listed}")


def _read_field(hint: Any, value: Any, what: str, name: str) -> Any:
    try:
        return _read(hint, value, what, f"{name}.")
    except _WrongError as error:
        raise ValueError(f"{what} {name} must be {error}") from None


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


class _WrongError(Exception):
    """A value of a wrong type or range; `wanted` describes the allowed values."""

    def __init__(self, wanted: str, value: Any) -> None:
        super().__init__(f"{wanted}, not {reprlib.repr(value)}")
        self.wanted = wanted


def _read(hint: Any, value: Any, what: str, prefix: str) -> Any:
    """The value in the type of the annotation; raises _WrongError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        if isinstance(arguments[1], Keys):
            return _read(arguments[1].kind, value, what, prefix)
        found = _read(arguments[0], value, what, prefix)
        if not all(limits.hold(found) for limits in arguments[1:]):
            raise _WrongError(" and ".join(map(str, arguments[1:])), value)
        return found
    if origin is Literal:
        if not any(value == allowed and type(value) is type(allowed) for allowed in arguments):
            raise _WrongError(" or ".join(map(str, arguments)), value)
        return value
    if origin in (Union, types.UnionType):
        return _read_any(arguments, value, what, prefix)
    if origin is tuple:
        return _read_tuple(arguments, value, what, prefix)
    if origin is list:
        if not isinstance(value, list):
            raise _WrongError("a list", value)
        return [_read(arguments[0], one, what, prefix) for one in value]
    if origin is dict or is_typeddict(hint) or is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise _WrongError("an object", value)
        return _read_object(hint, value, what, prefix)
    return _read_plain(hint, value)


def _read_object(hint: Any, value: Mapping[str, Any], what: str, prefix: str) -> Any:
    if is_typeddict(hint):
        return _read_typed_dict(hint, value, what, prefix)
    if is_dataclass(hint):
        return _read_dataclass(hint, value, what, prefix)
    kind = get_args(hint)[1]
    return {key: _read(kind, one, what, prefix) for key, one in value.items()}


def _read_typed_dict(hint: Any, value: Mapping[str, Any], what: str, prefix: str) -> dict[str, Any]:
    """All keys of the value, those of the TypedDict checked."""
    _check_names("missing", hint.__required_keys__ - set(value), what, prefix)
    hints = _hints(hint)
    checked = {
        name: _read_field(hints[name], value[name], what, f"{prefix}{name}")
        for name in hints
        if name in value
    }
    return {**value, **checked}


def _read_any(hints: tuple[Any, ...], value: Any, what: str, prefix: str) -> Any:
    """The value in the first type of the annotations that fits."""
    try:
        return _read(hints[0], value, what, prefix)
    except _WrongError as error:
        if len(hints) == 1:
            raise
        first = error
    try:
        return _read_any(hints[1:], value, what, prefix)
    except _WrongError as error:
        raise _WrongError(f"{first.wanted} or {error.wanted}", value) from None


def _read_tuple(hints: tuple[Any, ...], value: Any, what: str, prefix: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or len(value) != len(hints):
        raise _WrongError(f"a list of {len(hints)}", value)
    return tuple(_read(hint, one, what, prefix) for hint, one in zip(hints, value, strict=True))


def _read_plain(hint: Any, value: Any) -> Any:
    words = {
        int: "an integer",
        float: "a number",
        bool: "true or false",
        str: "a string",
        type(None): "null",
    }
    right: bool
    if hint is float:
        right = type(value) in (int, float) and abs(value) <= sys.float_info.max  # NaN is not
    else:
        right = type(value) is hint
    if not right:
        raise _WrongError(words[hint], value)
    return value
