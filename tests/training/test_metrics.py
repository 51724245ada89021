import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceiver_cli.training import metrics

SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
TRUTH = np.array([0, 1, 2, 2])


def test_measures_of_a_small_table():
    measured = metrics.measure(SCORES, TRUTH, sure=0.55)
    assert measured.items == 4
    assert measured.top1 == 0.75
    assert measured.top5 == 1.0
    assert measured.class_mean == pytest.approx((1 + 1 + 0.5) / 3)
    assert measured.coverage == 0.75


def test_class_mean_leaves_out_classes_without_items():
    assert metrics.measure(SCORES[:2], TRUTH[:2], sure=0.55).class_mean == 1.0


def test_confusion_has_true_classes_in_rows():
    table = metrics.confusion(np.array([0, 1, 0, 2]), TRUTH, 3)
    assert table.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_calibration_error_of_known_cases():
    sure_and_right = metrics.calibration_error(np.full(10, 1.0), np.ones(10, bool))
    half_right = metrics.calibration_error(np.full(10, 0.9), np.arange(10) % 2 == 0)
    assert sure_and_right == 0
    assert half_right == pytest.approx(0.4)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.2, 5.0))
def test_temperature_undoes_a_scaling(scale):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 5))
    odds = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (odds.cumsum(1) > rng.random((4000, 1))).argmax(1)

    def loss(temperature: float) -> float:
        powers = np.exp(logits * scale / temperature)
        return -np.log(powers[np.arange(4000), truth] / powers.sum(1)).mean()

    assert metrics.best_temperature(loss) == pytest.approx(scale, rel=0.1)
