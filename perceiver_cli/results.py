"""Results of a classification: plain dataclasses whose JSON form is the record (docs/record.md)."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, ClassVar, Literal, TypedDict

from perceiver_cli.errors import ErrorKind
from perceiver_cli.modalities import MODALITIES
from perceiver_cli.settings import CountOrZero, Keys, Length, Limits, Positive, read_settings

Level = Literal["class", "group", "kind"]
Score = Annotated[float, Limits(0, 1)]
Seconds = Annotated[float, Limits(0, 1e12)]
Pixels = Annotated[float, Limits(-1e12, 1e12)]
Size = Annotated[int, Limits(1)]
Point = Annotated[list[float], Length(3)]


class InputFacts(TypedDict, total=False):
    """Facts of a file; which of them it has differs by modality, and there may be others."""

    width: Size
    height: Size
    format: str
    mode: str
    frames: int
    duration_s: Seconds
    sample_rate: int
    channels: int
    sound_tracks: int
    fps: float | None
    sound: bool
    kind: str
    vertices: int
    faces: int
    extent: Point
    up: str


class Read(TypedDict, total=False):
    """How much of a file was read, see Classification."""

    share: float
    area: float
    seconds: float
    overlapping: bool


class ByteArray(TypedDict, total=False):
    """The size of a byte array: M and C."""

    elements: Size
    channels: Size


class _Placed(TypedDict, total=False):
    index: CountOrZero


class Segment(_Placed):
    """A window of a long input, with the best of the chosen classes in it, if any."""

    start_s: Seconds
    end_s: Seconds
    label: str | None
    score: Score | None
    signal: str


class Event(TypedDict):
    """What is present from when to when; silence has no id and no score."""

    start_s: Seconds
    end_s: Seconds
    label: str
    id: str | None
    score: Score | None


class Region(TypedDict, total=False):
    """A region of an input, see Focus."""

    x0: Pixels
    y0: Pixels
    x1: Pixels
    y1: Pixels
    time_s: float
    start_s: float
    end_s: float
    min: Point
    max: Point


@dataclass(frozen=True)
class Prediction:
    """One class with its calibrated score in [0, 1].

    id: the data set's own name for it; group, kind: the wider terms that it belongs to, if any.
    """

    label: str
    index: int
    id: str
    score: Score
    group: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Answer:
    """The most specific term whose score is high enough: a class, a group of classes or a kind.

    score: the summed calibrated score of its classes, in [0, 1].
    """

    label: str
    level: Level
    score: Score


@dataclass(frozen=True)
class Focus:
    """A heavy region in natural coordinates and the share of attention mass on it.

    `where` is a pixel box {x0, y0, x1, y1}, seconds {start_s, end_s}, an xyz box {min, max} or a
    frame time with a box {time_s, x0, y0, x1, y1}.
    """

    where: Annotated[dict[str, Any], Keys(Region)]
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
    effective_together: Positive


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
    input: Annotated[dict[str, Any], Keys(InputFacts)] = field(default_factory=dict)
    read: Annotated[dict[str, float], Keys(Read)] = field(default_factory=dict)
    byte_array: Annotated[dict[str, int], Keys(ByteArray)] = field(default_factory=dict)
    attention: AttentionStats | None = None
    segments: list[Annotated[dict[str, Any], Keys(Segment)]] = field(default_factory=list)
    events: list[Annotated[dict[str, Any], Keys(Event)]] = field(default_factory=list)
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
    def lacks_classes(self) -> bool:
        """Whether the model has none of the requested classes."""
        return self.among == []

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


class _Record(TypedDict):
    """What every record has."""

    status: Literal["ok", "error"]


def read_result(record: Any) -> Result:
    """The Result of a record; unknown keys are ignored.

    Raises:
        ValueError: It is not a record; in one line.
    """
    what = "record value"
    failed = read_settings(_Record, record, what)["status"] == "error"
    kind: Any = Failure if failed else Classification
    names = [f.name for f in fields(kind) if f.init and f.name in record]
    result: Result = read_settings(kind, {name: record[name] for name in names}, what)
    if result.ok and result.modality not in MODALITIES:
        raise ValueError(f"unknown modality: {result.modality!r}")
    return result


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
