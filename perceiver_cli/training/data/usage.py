"""Which files of a labelled folder are used, and a check that they are enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.errors import InputError, UsageError
from perceiver_cli.inference.decoding.items import is_no_media
from perceiver_cli.media.source import Source

LeftOutKind = Literal["passed_over", "other_modality", "broken"]


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used.

    Attributes:
        path: As the folder gives it.
        class_index: Its class.
        kind: "passed_over" for files that are not media, such as a text or an empty file;
            "other_modality" for media that the model does not read; "broken" for the rest.
        reason: One line for people.
    """

    path: str
    class_index: int
    kind: LeftOutKind
    reason: str


@dataclass(frozen=True)
class ClassUsage:
    """Numbers of files of one class: to train on, held out, passed over (not media), broken."""

    label: str
    training: int
    held_out: int
    passed_over: int
    broken: int


def left_out_by_error(source: Source, class_index: int, error: InputError) -> LeftOut:
    """A file that could not be decoded: passed over if it is not media, else broken.

    Args:
        source: The file.
        class_index: Its class.
        error: Why it could not be decoded.

    Returns:
        The entry for it.
    """
    kind: LeftOutKind = "passed_over" if is_no_media(source, error) else "broken"
    return LeftOut(source.path, class_index, kind, error.message)


def left_out_without_signal(path: str, class_index: int, signal: str) -> LeftOut:
    """A file without signal, which is neither trained on nor counted as right or wrong.

    Args:
        path: The file.
        class_index: Its class.
        signal: Why there is none: "silent", "blank", "blank_centre", "too_short" or "no_extent".

    Returns:
        The entry for it, "broken".
    """
    reason = f"contains nothing to classify ({signal.replace('_', ' ')})"
    return LeftOut(path, class_index, "broken", reason)


def usage_by_class(
    labels: list[Label],
    training: Iterable[int],
    held_out: Iterable[int],
    left_out: Iterable[LeftOut],
) -> list[ClassUsage]:
    """Counts what becomes of the files of each class.

    Args:
        labels: The classes, in order.
        training: The class of every file that is trained on.
        held_out: The class of every usable file that is held out.
        left_out: The files that cannot be used.

    Returns:
        One entry a class, in order.
    """
    used, held = Counter(training), Counter(held_out)
    missing = Counter((entry.class_index, entry.kind == "broken") for entry in left_out)
    return [
        ClassUsage(label.id, used[i], held[i], missing[i, False], missing[i, True])
        for i, label in enumerate(labels)
    ]


def check_usage(usage: list[ClassUsage], left_out: list[LeftOut], modality: str) -> None:
    """Checks that every class has files and that all media are of one modality.

    Args:
        usage: One entry a class, in order.
        left_out: The files that cannot be used.
        modality: What the model reads.

    Raises:
        UsageError: A class has no usable file, or there are media of another modality, which
            would be left out although the folder counts them.
    """
    others = [entry for entry in left_out if entry.kind == "other_modality"]
    for index, entry in enumerate(usage):
        if entry.training:
            continue
        reasons = [e for e in left_out if e.class_index == index]
        first = f" ({reasons[0].path}: {reasons[0].reason})" if reasons else ""
        raise UsageError(f"class {entry.label} has no usable file for modality {modality}{first}")
    if others:
        first = f"{others[0].path}: {others[0].reason}"
        if len(others) == 1:
            raise UsageError(
                f"1 file of another modality than {modality}: take it out of the folder ({first})"
            )
        raise UsageError(
            f"{len(others):,} files of another modality than {modality}: take them out of the "
            f"folder (the first is {first})"
        )
