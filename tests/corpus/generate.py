"""Writes the corpus."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Collection
from pathlib import Path

from tests.corpus import by_hand
from tests.corpus.mutations import MUTATIONS
from tests.corpus.valid import MAKERS


def write_corpus(folder: Path, each: int, seed: int = 0, kinds: Collection[str] = ()) -> list[Path]:
    """`each` mutations of every kind of file, and all those made by hand; their paths, sorted.

    The same seed gives the same damage. The names say what was done.

    Args:
        folder: An empty one.
        each: How many of every kind.
        seed: Of the random choices.
        kinds: Only mutations of these keys of MAKERS, and none made by hand; all, if empty.
    """
    contents = _valid()
    paths = []

    def write(name: str, content: bytes) -> None:
        path = folder / name
        path.write_bytes(content)
        paths.append(path)

    for kind in kinds or contents:
        content = contents[kind]
        rng = random.Random(f"{kind} {seed}")
        ending = kind.rpartition(".")[2]
        for number in range(each):
            mutation = MUTATIONS[(number + seed) % len(MUTATIONS)]
            name = f"{kind} {number:03} {mutation.__name__}.{ending}"
            write(name, mutation(content, rng))
        other = rng.choice(sorted(set(contents) - {kind}))
        write(f"{kind} named.{other}", content)
        write(f"{kind} behind {other}.{ending}", contents[other] + content)
        write(f"{kind} behind the head of {other}.{ending}", contents[other][:64] + content)
    if not kinds:
        for name, content in by_hand.files():
            write(f"made {name}", content)
    return sorted(paths)


def _valid() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        return {kind: make(Path(place, f"x.{kind}")).read_bytes() for kind, make in MAKERS.items()}
