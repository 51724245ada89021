"""The bundled weights are complete, self-describing, and correct on the bundled samples."""

import json
from pathlib import Path

import pytest

from perceiver_cli import Classifier
from perceiver_cli.checkpoints import registry
from perceiver_cli.checkpoints.format import read_header

SAMPLES = Path(__file__).parents[2] / "perceiver_cli" / "samples"
EXPECTED = {
    "sea.ogg": ("audio", {"sea waves"}),
    "chair.ply": ("pointcloud", {"chair"}),
    "coffee.jpg": ("image", {"espresso"}),
    "cat-silent.mp4": ("video", {"cat"}),
    "cat-calling.mp4": ("av", {"cat"}),
}
MIB = 1 << 20


def test_every_modality_has_weights():
    modalities = {"image", "audio", "pointcloud", "video", "av"}
    assert {m for m in modalities if registry.default_for(m).is_file()} == modalities


@pytest.mark.parametrize("name", registry.bundled())
def test_a_card_says_what_a_user_must_know(name):
    path = registry.bundled()[name]
    header = read_header(path)
    assert header.name == name
    for key in ("data", "licence", "command", "date", "measured"):
        assert header.card.get(key), key
    assert path.stat().st_size <= 15 * MIB


@pytest.mark.parametrize("name", registry.bundled())
def test_groups_lie_within_one_kind_and_say_more_than_a_class(name):
    labels = read_header(registry.bundled()[name]).labels
    kinds: dict[str, set[str]] = {}
    members: dict[str, int] = {}
    for label in labels:
        for wider in filter(None, (label.group, label.kind)):
            members[wider] = members.get(wider, 0) + 1
        if label.group:
            kinds.setdefault(label.group, set()).add(label.kind)
    assert kinds, name
    assert all(len(found) == 1 for found in kinds.values()), kinds
    assert min(members.values()) > 1, members


def test_the_weights_are_small_together():
    assert sum(path.stat().st_size for path in registry.bundled().values()) <= 60 * MIB


@pytest.mark.parametrize("name", EXPECTED)
def test_the_samples_are_recognised(name):
    modality, labels = EXPECTED[name]
    result = Classifier().classify(SAMPLES / name)
    assert result.ok, result.error
    assert result.modality == modality
    assert {p.label for p in result.predictions[:3]} & labels
    assert result.attention.cross_attends


def test_int8_hardly_changes_a_score():
    changes = []
    for name in EXPECTED:
        exact, found = (
            Classifier(precision=precision, top=None).classify(SAMPLES / name).predictions
            for precision in ("float32", "int8")
        )
        assert found[0].label == exact[0].label
        scores = {p.index: p.score for p in exact}
        changes += [abs(p.score - scores[p.index]) for p in found]
    assert 0 < max(changes) < 0.02


def test_demo_shows_every_modality(run):
    outcome = run("demo")
    assert outcome.exit_code == 0
    for name in EXPECTED:
        assert name in outcome.stdout
    assert max(len(line) for line in outcome.stdout.splitlines()) <= 80


def test_doctor_finds_everything_whole(run):
    assert run("doctor").exit_code == 0


def test_models_list_names_every_default(run):
    listed = json.loads(run("models", "list", "--format", "json").stdout)
    assert {entry["name"] for entry in listed} == set(registry.defaults().values())
