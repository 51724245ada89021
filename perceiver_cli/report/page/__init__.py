"""Many Results as one self-contained HTML page: no network, no other file.

The templates escape every text of a file, a label or a message. The page's content security policy
allows only its own script, named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from perceiver_cli.choices import Method
from perceiver_cli.report.answer import answer_in_words, guessed
from perceiver_cli.report.drawings.thumbnail import Thumbnail
from perceiver_cli.report.input_words import input_in_words
from perceiver_cli.report.page.stored_cards import CardSummary, StoredCards
from perceiver_cli.report.page.timeline import timeline
from perceiver_cli.report.sentence import attention_in_words
from perceiver_cli.report.words import (
    count,
    display_path,
    escape_controls,
    score_in_words,
    seconds_in_words,
)
from perceiver_cli.results import Classification, Result

# The longer side of a thumbnail in pixels.
THUMBNAIL_SIDE = 180

_BINS = 10
_LABELS = 12
_UNSURE = 12

# Captions of the heat maps of methods other than attention.
_CAPTIONS: dict[Method | None, str] = {
    Method.rollout: "The heat is rollout: what reaches the answer through all layers.",
    Method.gradient: "The heat is gradient x input: where a change would change the answer most.",
}


@dataclass(frozen=True, slots=True)
class Card(CardSummary):
    """One Result on the page, as plain text and numbers.

    Attributes:
        model: The name of the weights.
        facts: The facts of the file in words.
        predictions: (label, score), the best first.
        caption: The caption of the heat map.
        segments: The segments in words.
        plain: The thumbnail as a data: URL.
        heat: The thumbnail under its heat map as a data: URL.
        size: (width, height) of both thumbnails in pixels.
        shown: The seconds of a sound or video that they show.
        timeline: The events over time.
    """

    model: str = ""
    facts: str = ""
    predictions: list[tuple[str, float]] = field(default_factory=list)
    caption: str = ""
    segments: str = ""
    plain: str = ""
    heat: str = ""
    size: tuple[int, int] = (0, 0)
    shown: str = ""
    timeline: Markup = field(default_factory=Markup)

    @property
    def words(self) -> str:
        """The text that is searched."""
        names = (name for name, _ in self.predictions)
        return " ".join([self.path, self.message, self.label, *names]).lower()


def card(
    number: int,
    result: Result,
    drawn: Thumbnail | None,
    folder: Path | None = None,
    method: Method | None = None,
) -> Card:
    """One Result on the page.

    Args:
        number: Its position on the page, from 1.
        result: The Result.
        drawn: Its thumbnails, if there are any.
        folder: The folder of the page, for links to the file.
        method: The explanation method of the thumbnails' heat; None: they have none.
    """
    if not result.ok:
        message = escape_controls(result.error.message)
        return Card(number, display_path(result.path), "failed", message=message)
    state, label = _state_and_label(result)
    guess = guessed(result)
    return Card(
        number=number,
        path=display_path(result.path),
        state=state,
        modality=result.modality,
        model=escape_controls(result.model),
        facts=input_in_words(result.modality, result.input),
        label=label,
        answer=answer_in_words(result),
        score=result.answer.score if result.answer else guess.score if guess else 0.0,
        predictions=[(escape_controls(p.label), p.score) for p in result.predictions],
        # A line may not end between a number and its sign.
        caption=(_CAPTIONS.get(method) or attention_in_words(result, every=False)).replace(
            " %", "\xa0%"
        ),
        segments=_segments(result),
        plain=_address(drawn.plain) if drawn else "",
        heat=_address(drawn.heat) if drawn else "",
        size=drawn.plain.shape[1::-1] if drawn else (0, 0),
        shown=drawn.caption if drawn else "",
        timeline=Markup(timeline(result, folder, _timeline_template().render)),
    )


def _state_and_label(result: Classification) -> tuple[str, str]:
    """See CardSummary."""
    if result.answer:
        return "sure", escape_controls(result.answer.label)
    if not result.has_signal:
        return "empty", "nothing there"
    if result.lacks_classes:
        return "empty", "no requested class"
    return "unsure", "not sure"


@cache
def _timeline_template() -> Template:
    return _environment().from_string(_part("timeline.html"))


def _environment() -> Environment:
    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _part(name: str) -> str:
    """The text of a template, style sheet or script of the page."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def render(cards: StoredCards, about: str) -> Iterator[str]:
    """The page, in pieces, so that it is never whole in memory.

    Args:
        cards: Its cards.
        about: The method of the attention drawings, in one line.
    """
    environment = _environment()
    environment.filters["score"] = score_in_words
    template = _part("page.html")
    style, script = (_part(f"page.{kind}") + _part(f"timeline.{kind}") for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(template).generate(
        total=len(cards.summaries),
        cards=cards.read(_by_answer(cards.summaries)),
        about=about,
        style=Markup(style),
        script=Markup(script),
        digest=digest,
        made=datetime.now().strftime("%Y-%m-%d %H:%M"),
        count=count,
        **_overview(cards.summaries),
    )


def _by_answer(cards: list[CardSummary]) -> list[CardSummary]:
    """The most frequent answer first, sorted by score; then Results without an answer."""
    often = Counter(c.label for c in cards)
    states = ("sure", "unsure", "empty", "failed")
    return sorted(cards, key=lambda c: (states.index(c.state), -often[c.label], c.label, -c.score))


def _overview(cards: list[CardSummary]) -> dict[str, Any]:
    """A summary of the cards."""
    answered = [c for c in cards if c.state in ("sure", "unsure")]
    labels = Counter(c.label for c in cards if c.label).most_common()
    unsure = sorted((c for c in cards if c.state == "unsure"), key=lambda c: c.score)
    bins = Counter(min(_BINS - 1, int(c.score * _BINS)) for c in answered)
    doubtful = Counter(min(_BINS - 1, int(c.score * _BINS)) for c in unsure)
    return {
        "labels": labels[:_LABELS],
        "other_labels": labels[_LABELS:],
        "modalities": Counter(c.modality for c in cards if c.state != "failed").most_common(),
        "states": Counter(c.state for c in cards),
        "bins": [
            (f"{n / _BINS:.1f} to {(n + 1) / _BINS:.1f}", bins[n], doubtful[n])
            for n in range(_BINS)
        ],
        "unsure": unsure[:_UNSURE],
        "more_unsure": len(unsure[_UNSURE:]),
        "failed": [c for c in cards if c.state == "failed"],
        "all_labels": sorted({c.label for c in cards if c.label}),
        "all_modalities": sorted({c.modality for c in cards}),
    }


def _segments(result: Classification) -> str:
    if result.events or result.lacks_classes:  # events are on the time-line
        return ""
    return "; ".join(
        f"{seconds_in_words(s['start_s'])} {escape_controls(s['label'] or s['signal'])}"
        for s in result.segments
    )


def _address(pixels: np.ndarray) -> str:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "WEBP", quality=72, method=4)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
