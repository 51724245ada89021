"""Results of a classification: plain dataclasses whose JSON form is the record (docs/record.md)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, Literal

from perceiver_cli.errors import ErrorKind

Level = Literal["class", "group", "kind"]


@dataclass(frozen=True)
class Prediction:
    """One class with its calibrated score in [0, 1].

    id: the data set's own name for it; group, kind: the wider terms that it belongs to, if any.
    """

    label: str
    index: int
    id: str
    score: float
    group: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Answer:
    """The most specific term whose score is high enough: a class, a group of classes or a kind.

    score: the summed calibrated score of its classes, in [0, 1].
    """

    label: str
    level: Level
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
    and latents, so of the elements that any latent attends to.
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
    """One entry per cross-attend, in order."""

    cross_attends: list[CrossAttendStats]


@dataclass(frozen=True)
class InputFailure:
    """Why an input has no predictions.

    kind: for scripts; message: one line for people; detail: the library's own message, if any.
    """

    kind: ErrorKind
    message: str
    detail: str | None = None


@dataclass(frozen=True)
class Classification:
    """An input that was classified.

    Attributes:
        path: The path as given in the call.
        modality: A key of the table of modalities.
        detected_by: The reason for the modality, as one phrase.
        model: Name of the checkpoint.
        signal: "present", or why there is nothing to classify: "silent", "blank",
            "blank_centre", "too_short" or "no_extent"; predictions are then empty.
        answer: The most specific term whose score reaches `sure`; None: none does.
        confident: Whether the answer is a class; None without a signal.
        familiar: Whether it is like the training data; None: the checkpoint has no statistics.
        predictions: Classes, the likeliest first.
        among: Ids of the requested classes, which share all of the score; None: all classes.
        input: Facts of the file, which differ by modality.
        read: How much of it was read: "share" in [0, 1]; "area", the share of a picture or of a
            film's frames; "seconds" of a sound or film, and whether its windows are "overlapping".
            Empty without a signal.
        byte_array: "elements" M and "channels" C of what the model read; empty without a signal.
        attention: None if it was not measured.
        segments: The windows that were read, if there were several.
        events: Which class was present from when to when, if a sound or film was read whole.
        notes: One line for each thing that was left out or repaired.
        seconds: "load" and "model".
        explained: Path of the drawing that `classify --explain` made of it.
    """

    path: str
    modality: str
    detected_by: str
    model: str
    signal: str = "present"
    answer: Answer | None = None
    confident: bool | None = None
    familiar: bool | None = None
    predictions: list[Prediction] = field(default_factory=list)
    among: list[str] | None = None
    input: dict[str, Any] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)
    byte_array: dict[str, int] = field(default_factory=dict)
    attention: AttentionStats | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    explained: str | None = None

    ok: ClassVar[Literal[True]] = True
    status: ClassVar[str] = "ok"
    error: ClassVar[None] = None

    @property
    def has_signal(self) -> bool:
        """Whether there was anything to classify."""
        return self.signal == "present"

    @property
    def clearest_segment(self) -> int:
        """Index of the segment in which the best prediction has its highest score; 0 if in none."""
        best = self.predictions[0].label if self.predictions else None
        scores = [(s["score"] or 0.0) * (s["label"] == best) for s in self.segments]
        return scores.index(max(scores)) if scores else 0

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types."""
        return _record(self)


@dataclass(frozen=True)
class Failure:
    """An input that could not be classified.

    It has all attributes of a Classification, without values, so that both can be read alike.

    Attributes:
        path: The path as given in the call.
        error: Why it could not be classified.
        seconds: "load".
    """

    path: str
    error: InputFailure
    seconds: dict[str, float] = field(default_factory=dict)
    predictions: list[Prediction] = field(default_factory=list, init=False, repr=False)
    input: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    read: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    segments: list[dict[str, Any]] = field(default_factory=list, init=False, repr=False)
    events: list[dict[str, Any]] = field(default_factory=list, init=False, repr=False)
    notes: list[str] = field(default_factory=list, init=False, repr=False)

    ok: ClassVar[Literal[False]] = False
    status: ClassVar[str] = "error"
    modality: ClassVar[None] = None
    detected_by: ClassVar[None] = None
    model: ClassVar[None] = None
    signal: ClassVar[None] = None
    has_signal: ClassVar[Literal[False]] = False
    answer: ClassVar[None] = None
    confident: ClassVar[None] = None
    familiar: ClassVar[None] = None
    among: ClassVar[None] = None
    byte_array: ClassVar[None] = None
    attention: ClassVar[None] = None
    explained: ClassVar[None] = None

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON types; it has the keys of a Classification's."""
        return _record(self)


Result = Classification | Failure


def read_result(record: dict[str, Any]) -> Result:
    """The Result of a record; unknown keys are ignored.

    Raises:
        AttributeError, KeyError or TypeError: It is not a record.
    """
    if record["status"] == "error":
        return Failure(record["path"], InputFailure(**record["error"]), record["seconds"])
    known = {f.name: record[f.name] for f in fields(Classification) if f.name in record}
    known["predictions"] = [Prediction(**entry) for entry in known["predictions"]]
    if known.get("answer"):
        known["answer"] = Answer(**known["answer"])
    if known["attention"]:
        entries = known["attention"]["cross_attends"]
        known["attention"] = AttentionStats([_cross_attend(entry) for entry in entries])
    return Classification(**known)


def _record(result: Result) -> dict[str, Any]:
    """Every key of a record, in its order."""
    record = {"path": result.path, "status": result.status, "error": _plain(result.error)}
    for each in fields(Classification):
        record[each.name] = _plain(getattr(result, each.name))
    return record


def _plain(value: Any) -> Any:
    """As dataclasses.asdict, but plain values are not copied, which takes a third of the time."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if is_dataclass(value):
        return {name: _plain(each) for name, each in vars(value).items()}
    return value


def _cross_attend(entry: dict[str, Any]) -> CrossAttendStats:
    focus = [Focus(**region) for region in entry["focus"]]
    return CrossAttendStats(**(entry | {"focus": focus}))
