import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LabelTree
from perceiver_cli.results import Answer, Classification
from perceiver_cli.training.answers import add_calibration, measure_answers, measure_unknown

LABELS = [Label("a", "poodle", "dog", "animal"), Label("b", "cat", "", "animal"), Label("c", "dam")]


def answered(path: str, answer: Answer | None, familiar: bool | None = True) -> Classification:
    confident = answer is not None and answer.level == "class"
    return Classification(
        path, "image", "", "", answer=answer, confident=confident, familiar=familiar
    )


POODLE, DOG = Answer("poodle", "class", 0.9), Answer("dog", "group", 0.85)
ANIMAL = Answer("animal", "kind", 0.8)


def test_answers_are_right_at_their_own_level():
    results = [
        answered("1", POODLE),
        answered("2", ANIMAL),
        answered("3", DOG, familiar=False),
        answered("4", None),
    ]
    measured = measure_answers(results, np.array([0, 1, 1, 2]), LABELS, 0.8)
    assert (measured.given, measured.right) == (0.75, 0.5)
    assert measured.right_of_given == pytest.approx(2 / 3)
    assert measured.levels["group"] == {"given": 0.25, "right": 0.0}
    assert measured.levels["kind"] == {"given": 0.25, "right": 1.0}
    assert measured.familiar == 0.75


def test_the_calibration_of_each_level():
    results = [answered("1", DOG), answered("2", DOG)]
    scores, truth = np.array([[0.6, 0.4, 0.0]] * 2), np.array([0, 1])
    measured = measure_answers(results, truth, LABELS, 0.8)
    levels = add_calibration(measured, scores, truth, LabelTree(LABELS)).levels
    assert levels["class"]["ece"] == pytest.approx(0.1)
    assert levels["kind"]["ece"] == pytest.approx(0.0)


def test_files_of_no_class_may_be_of_a_known_kind():
    results = [
        answered("x/wolf/1", ANIMAL),
        answered("x/wolf/2", POODLE),
        answered("x/wolf/3", None, familiar=False),
        answered("x/tree/4", ANIMAL),
    ]
    labels = {"wolf": Label("wolf", "wolf", "", "animal"), "tree": Label("tree", "tree")}
    assert measure_unknown(results, labels) == {
        "items": 4,
        "unsure": 0.25,
        "a_class": 0.25,
        "unfamiliar": 0.25,
        "right": 0.25,
        "wrong": 0.5,
    }
    assert "right" not in measure_unknown(results, {})
