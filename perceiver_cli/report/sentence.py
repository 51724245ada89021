"""Attention statistics as a sentence."""

from __future__ import annotations

from typing import Any

from perceiver_cli.results import CrossAttendStats, Result

_THINGS = {
    "image": "picture",
    "audio": "sound",
    "pointcloud": "shape",
    "video": "video",
    "av": "video and its sound",
}
_STREAMS = {"video": "pictures", "audio": "sound"}
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")

# From one look to the next, a smaller change of the effective elements is not worth a word.
_CHANGED = 1.25


def attention_in_words(result: Result) -> str:
    """How much was attended to, where most, and how it changed from look to look.

    Such as "Attends to 3 % of the picture, most to the upper left (12 %); the second look narrows
    to 1 %, most to the middle (20 %)." Empty without attention statistics.
    """
    if result.attention is None or not result.attention.cross_attends:
        return ""
    elements = result.byte_array["elements"]
    first, *others = result.attention.cross_attends
    place = _place(first, result)
    words = f"Attends to {_share(first, elements)} of the {_THINGS[result.modality]}"
    words += f", most to {place} ({_percent(_heaviest(first))})" if place else ""
    words += _streams(first)
    before = first
    for number, look in enumerate(others, 2):
        change = _change(before, look, result, elements)
        words += f"; the {_ordinal(number)} look {change}"
        before = look
    return f"{words}."


def _change(before: CrossAttendStats, look: CrossAttendStats, result: Result, elements: int) -> str:
    factor = look.effective_elements / before.effective_elements
    share = _share(look, elements)
    if factor < 1 / _CHANGED:
        words = f"narrows to {share}"
    elif factor > _CHANGED:
        words = f"widens to {share}"
    else:
        words = f"takes in {share}" if share != _share(before, elements) else "takes in as much"
    old, place = _place(before, result), _place(look, result)
    if place:
        where = f"still most to {place}" if place == old else f"most to {place}"
        words += f", {where} ({_percent(_heaviest(look))})"
    return words + _streams(look)


def _streams(look: CrossAttendStats) -> str:
    if len(look.share) < 2:
        return ""
    shares = (f"{_percent(share)} {_STREAMS.get(name, name)}" for name, share in look.share.items())
    return f" ({', '.join(shares)})"


def _share(look: CrossAttendStats, elements: int) -> str:
    return _percent(min(1.0, look.effective_elements / elements))


def _heaviest(look: CrossAttendStats) -> float:
    return look.focus[0].mass


def _place(look: CrossAttendStats, result: Result) -> str:
    """The heaviest region; "" if there is none."""
    if not look.focus:
        return ""
    where, facts = look.focus[0].where, result.input
    if "start_s" in where:
        return f"{where['start_s']:.2f} to {where['end_s']:.2f} s"
    if "min" in where:
        return _corner(where, result)
    region = _region(where, facts["width"], facts["height"])
    return f"{region} at {where['time_s']:.2f} s" if "time_s" in where else region


def _region(box: dict[str, Any], width: int, height: int) -> str:
    """Which ninth of the picture holds the middle of the box."""
    column = min(2, int(3 * (box["x0"] + box["x1"]) / 2 / width))
    row = min(2, int(3 * (box["y0"] + box["y1"]) / 2 / height))
    across, down = ("left", "", "right")[column], ("upper", "", "lower")[row]
    if across and down:
        return f"the {down} {across}"
    if down:
        return {"upper": "the top", "lower": "the bottom"}[down]
    return f"the {across}" if across else "the middle"


def _corner(box: dict[str, Any], result: Result) -> str:
    """Which eighth of the shape holds the middle of the box, seen from the front.

    The shape reaches as far as all the regions together. Front is low y where z is up, and
    high z where y is.
    """
    looks = result.attention.cross_attends
    boxes = [focus.where for look in looks for focus in look.focus]
    low = [min(b["min"][axis] for b in boxes) for axis in range(3)]
    high = [max(b["max"][axis] for b in boxes) for axis in range(3)]
    x, y, z = (box["min"][i] + box["max"][i] > low[i] + high[i] for i in range(3))
    upper, front = (y, z) if result.input.get("up") == "y" else (z, not y)
    return " ".join(
        (
            "the",
            "upper" if upper else "lower",
            "front" if front else "back",
            "right" if x else "left",
        )
    )


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 1 or percent == 0 else f"{percent:.1g} %"


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if number <= len(_ORDINALS) else f"{number}th"
