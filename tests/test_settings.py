"""Settings are checked against the annotations of a dataclass."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypedDict

import pytest

from perceiver_cli.settings import (
    Count,
    CountOrZero,
    Limits,
    Positive,
    Share,
    parse_json,
    read_settings,
)


@dataclass(frozen=True)
class Inner:
    depth: Count = 1


class Open(TypedDict, total=False):
    n: int


@dataclass(frozen=True)
class Example:
    name: str
    sizes: dict[str, Count] = field(default_factory=dict)
    kind: Literal["small", "large"] = "small"
    layers: CountOrZero = 2
    rate: Annotated[int, Limits(100, 200)] = 150
    eps: Positive = 1e-5
    share: Share = 1.0
    mean: tuple[float, Positive] = (0.0, 1.0)
    highest: Positive | tuple[Positive, Positive] = 8.0
    inner: Inner | None = None
    many: list[int] = field(default_factory=list)
    open: Open | None = None
    on: bool = True


def test_json_becomes_the_dataclass():
    values = {
        "name": "x",
        "sizes": {"a": 3},
        "kind": "large",
        "eps": 1,
        "mean": [1, 2.5],
        "highest": [1.0, 2.0],
        "inner": {"depth": 3},
        "many": [1, 2],
        "open": {"n": 1, "more": [2]},
        "on": False,
    }
    assert read_settings(Example, json.loads(json.dumps(values)), "model setting") == Example(
        "x",
        {"a": 3},
        "large",
        eps=1,
        mean=(1, 2.5),
        highest=(1.0, 2.0),
        inner=Inner(3),
        many=[1, 2],
        open={"n": 1, "more": [2]},
        on=False,
    )
    assert read_settings(Example, {"name": "x", "inner": None}, "model setting") == Example("x")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": 3}, "model setting name must be a string, not 3"),
        ({"sizes": [1]}, "model setting sizes must be an object, not [1]"),
        (
            {"sizes": {"a": 0}},
            "model setting sizes must be at least 1 and at most 1,000,000, not 0",
        ),
        ({"sizes": {"a": "b"}}, "model setting sizes must be an integer, not 'b'"),
        ({"kind": "lagre"}, "model setting kind must be small or large, not 'lagre'"),
        ({"kind": None}, "model setting kind must be small or large, not None"),
        ({"layers": -1}, "model setting layers must be at least 0 and at most 1,000,000, not -1"),
        ({"layers": 2.0}, "model setting layers must be an integer, not 2.0"),
        ({"layers": True}, "model setting layers must be an integer, not True"),
        ({"layers": "2"}, "model setting layers must be an integer, not '2'"),
        ({"rate": 99}, "model setting rate must be at least 100 and at most 200, not 99"),
        ({"rate": 201}, "model setting rate must be at least 100 and at most 200, not 201"),
        ({"eps": 0}, "model setting eps must be more than 0, not 0"),
        ({"eps": float("nan")}, "model setting eps must be a number, not nan"),
        ({"eps": float("inf")}, "model setting eps must be a number, not inf"),
        ({"eps": "small"}, "model setting eps must be a number, not 'small'"),
        ({"share": 1.5}, "model setting share must be more than 0 and at most 1, not 1.5"),
        ({"mean": [1]}, "model setting mean must be a list of 2, not [1]"),
        ({"mean": 1}, "model setting mean must be a list of 2, not 1"),
        ({"mean": [1, 0]}, "model setting mean must be more than 0, not 0"),
        (
            {"highest": "x"},
            "model setting highest must be a number or a list of 2, not 'x'",
        ),
        ({"inner": {"depth": "x"}}, "model setting inner.depth must be an integer, not 'x'"),
        ({"inner": 3}, "model setting inner must be an object or null, not 3"),
        ({"on": 1}, "model setting on must be true or false, not 1"),
        ({"many": "ab"}, "model setting many must be a list, not 'ab'"),
        ({"many": [1, "x"]}, "model setting many must be an integer, not 'x'"),
        ({"open": []}, "model setting open must be an object or null, not []"),
        ({"open": {"n": "x"}}, "model setting open.n must be an integer, not 'x'"),
        ({"eps": 10**400}, f"model setting eps must be a number, not 1{0:0>17}...{0:0>19}"),
        ({"inner": {"width": 1}}, "unknown model settings: inner.width"),
        ({"tile": 1, "colour": 2}, "unknown model settings: colour, tile"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(wrong, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_settings(Example, {"name": "x"} | wrong, "model setting")
    assert str(caught.value) == message


def test_what_is_no_object_is_named():
    with pytest.raises(ValueError, match=r"^model settings must be an object, not \[1\]$"):
        read_settings(Example, [1], "model setting")


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": 1e999}', "[" * 100_000, "{", ""])
def test_json_has_only_finite_numbers(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(text)
    assert parse_json('{"a": [1, 2.5, -1e-3]}') == {"a": [1, 2.5, -1e-3]}


def test_what_is_missing_is_named():
    with pytest.raises(ValueError, match=r"^missing input settings: name$"):
        read_settings(Example, {}, "input setting")
