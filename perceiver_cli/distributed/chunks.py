"""Chunks of inputs: one task decodes a chunk, and one part of the output contains its results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from perceiver_cli.inputs.names import ArchiveKind
from perceiver_cli.inputs.paths import Input
from perceiver_cli.media.source import Identity, Source
from perceiver_cli.report.done import DoneIndex

# Number of inputs that must be done again when a machine is lost.
CHUNK_INPUTS = 64


@dataclass(frozen=True)
class Chunk:
    """Some inputs, or one archive. Can be pickled.

    Attributes:
        name: A name that is unique within the run, and the same in every attempt.
        sources: The inputs.
        named: The paths named by the call; others are passed over if they are not media.
        archive: The kind of archive of the only source, whose members are the inputs.
        done: The members that are already done: path -> identity.
    """

    name: str
    sources: tuple[Source, ...]
    named: frozenset[str]
    archive: ArchiveKind | None = None
    done: Mapping[str, Identity] = field(default_factory=dict)


def chunks(
    inputs: Iterable[Input],
    run: str,
    done: DoneIndex,
    size: int = CHUNK_INPUTS,
) -> Iterator[Chunk]:
    """Divides the inputs of a run into chunks.

    Args:
        inputs: The inputs, in any order; archives unopened. A repeated path is taken once.
        run: The prefix of the names of its parts.
        done: The inputs that are already done.
        size: Number of inputs in a chunk.
    """
    seen: set[str] = set()
    waiting: list[Input] = []
    number = 0
    for each in inputs:
        path = each.source.path
        if path in seen:
            continue
        seen.add(path)
        if each.archive:
            named = frozenset([path] if each.named else [])
            name = f"{run}-{number:06}"
            yield Chunk(name, (each.source,), named, each.archive, done.members_of(path))
            number += 1
        elif not done.valid(each.source):
            waiting.append(each)
        if len(waiting) >= size:
            yield _chunk(f"{run}-{number:06}", waiting)
            number += 1
            waiting = []
    if waiting:
        yield _chunk(f"{run}-{number:06}", waiting)


def _chunk(name: str, inputs: list[Input]) -> Chunk:
    named = frozenset(each.source.path for each in inputs if each.named)
    return Chunk(name, tuple(each.source for each in inputs), named)
