"""A small part of the corpus: every file gives a record, in order, and nobody hears of it."""

from pathlib import Path

import pytest

from perceiver_cli import Classifier
from tests.corpus.expected import BY_HAND, MODALITIES
from tests.corpus.generate import write_corpus

# What may be wrong with a file; "internal", "timeout" and "missing_library" are faults of ours.
KINDS = {"corrupt", "unsupported", "unreadable", "too_large", "empty"}


@pytest.mark.parametrize("seed", [0, 1])
def test_every_hostile_file_gives_a_record(bundle, tmp_path, capfd, seed):
    paths = write_corpus(tmp_path, each=2, seed=seed)
    results = list(Classifier(attention=False, timeout=60).stream(paths))
    assert [result.path for result in results] == [str(path) for path in paths]
    for result in results:
        if not result.ok:
            assert result.error.kind in KINDS, result
            assert result.error.message.isprintable()
        told = result.modality if result.ok else result.error.kind
        name = Path(result.path).name
        if name.startswith("made "):
            assert told == BY_HAND[name.removeprefix("made ")], result
        elif " named." in name:
            assert told == MODALITIES[name.partition(" named.")[0]], result
    assert sum(result.ok for result in results) > 20
    assert capfd.readouterr() == ("", "")


def test_the_same_seed_gives_the_same_files(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, two = (write_corpus(folder, each=1) for folder in folders)
    same = [a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True)]
    # Some encoders write the time, or a random number, into what they make.
    assert sum(same) > 0.8 * len(same)
