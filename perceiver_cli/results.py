"""What a classification gives: plain dataclasses whose JSON form is the record of the README."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from perceiver_cli.errors import ErrorKind


@dataclass(frozen=True)
class Prediction:
    """One class with its calibrated score in [0, 1]; `id` is the data set's own name for it."""

    label: str
    index: int
    id: str
    score: float


@dataclass(frozen=True)
class Focus:
    """A heavy region in natural coordinates and the share of attention mass on it.

    `where` is a pixel box {x0, y0, x1, y1}, seconds {start_s, end_s}, an xyz box {min, max} or a
    frame time with a box {time_s, x0, y0, x1, y1}.
    """

    where: dict[str, Any]
    mass: float


@dataclass(frozen=True)
class CrossAttendStats:
    """Statistics of one cross-attend, averaged over heads and latents.

    effective_elements: of a latent; effective_together: of the distribution averaged over heads
    and latents, so of what was looked at by any.
    """

    entropy_bits: float
    effective_elements: float
    peak: float
    mass_top_1pct: float
    drift_bits: float | None
    share: dict[str, float]
    focus: list[Focus]
    effective_together: float


@dataclass(frozen=True)
class AttentionStats:
    """One entry per cross-attend, in the order in which the model makes them."""

    cross_attends: list[CrossAttendStats]


@dataclass(frozen=True)
class InputFailure:
    """Why an input has no predictions.

    kind: for scripts; message: one line for people; detail: the library's own words, if any.
    """

    kind: ErrorKind
    message: str
    detail: str | None = None


@dataclass(frozen=True)
class Result:
    """The outcome for one input. `to_dict()` is the record printed as JSON.

    notes: one line for each thing that was left out or repaired.
    """

    path: str
    status: str
    error: InputFailure | None = None
    modality: str | None = None
    detected_by: str | None = None
    model: str | None = None
    predictions: list[Prediction] = field(default_factory=list)
    confident: bool | None = None
    input: dict[str, Any] = field(default_factory=dict)
    byte_array: dict[str, int] | None = None
    attention: AttentionStats | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True if the input was classified."""
        return self.status == "ok"

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Result:
        """A record as `to_dict` gives it; keys it does not know are passed over.

        Raises AttributeError, KeyError or TypeError for anything else.
        """
        known = {f.name: record[f.name] for f in fields(cls) if f.name in record}
        if known["error"]:
            known["error"] = InputFailure(**known["error"])
        known["predictions"] = [Prediction(**entry) for entry in known["predictions"]]
        if known["attention"]:
            looks = known["attention"]["cross_attends"]
            known["attention"] = AttentionStats([_look(entry) for entry in looks])
        return cls(**known)


def _plain(value: Any) -> Any:
    """As dataclasses.asdict, but for copies of what is plain already: in a third of its time."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {name: _plain(each) for name, each in vars(value).items()}
    return value


def _look(entry: dict[str, Any]) -> CrossAttendStats:
    focus = [Focus(**region) for region in entry["focus"]]
    return CrossAttendStats(**(entry | {"focus": focus}))
