import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Label
from perceiver_cli.checkpoints.label_tree import LabelTree, renormalised, tempered

LABELS = [
    Label("a", "poodle", "dog", "animal"),
    Label("b", "terrier", "dog", "animal"),
    Label("c", "frog", "", "animal"),
    Label("d", "dam"),
]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.85, 0.05, 0.05, 0.05), ("poodle", "class", 0.85)),
        ((0.5, 0.4, 0.05, 0.05), ("dog", "group", 0.9)),
        ((0.3, 0.3, 0.3, 0.1), ("animal", "kind", 0.9)),
        ((0.1, 0.1, 0.1, 0.7), None),
    ],
)
def test_the_most_specific_node_that_is_sure(scores, expected):
    answer = LabelTree(LABELS).answer(np.array(scores), 0.8)
    assert (answer and (answer.label, answer.level, answer.score)) == expected


def test_labels_without_groups_have_answers_that_are_classes():
    tree = LabelTree([Label("a", "a"), Label("b", "b")])
    assert tree.answer(np.array([0.9, 0.1]), 0.8).level == "class"
    assert tree.answer(np.array([0.7, 0.3]), 0.8) is None


def test_a_level_has_a_temperature_of_its_own():
    scores = np.array([0.5, 0.4, 0.05, 0.05])
    answer = LabelTree(LABELS, {"group": 2.0}).answer(scores, 0.7)
    flatter = np.sqrt(scores) / np.sqrt(scores).sum()
    assert answer.level == "group"
    assert answer.score == pytest.approx(flatter[:2].sum(), abs=1e-4)


def test_a_temperature_acts_as_on_logits():
    logits = np.array([2.0, 1.0, -3.0])
    soft = np.exp(logits) / np.exp(logits).sum()
    halved = np.exp(logits / 2) / np.exp(logits / 2).sum()
    np.testing.assert_allclose(tempered(soft, 2.0), halved)


def test_classes_are_found_by_any_name():
    tree = LabelTree(LABELS)
    assert tree.classes_of("Dog") == [0, 1]
    assert tree.classes_of("animal") == [0, 1, 2]
    assert tree.classes_of("d") == tree.classes_of("DAM") == [3]
    assert tree.classes_of("cat") == []


def test_renormalised_scores_sum_to_one():
    scores = renormalised(np.array([0.1, 0.3, 0.4, 0.2]), [1, 3])
    np.testing.assert_allclose(scores, [0, 0.6, 0, 0.4])
