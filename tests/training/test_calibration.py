"""Temperatures and figures are fitted on the held-out files."""

from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Header, Label
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.training import calibration
from perceiver_cli.training.familiarity import fit_familiar
from perceiver_cli.training.metrics import best_temperature
from perceiver_cli.training.outputs import Outputs


@pytest.fixture
def logits():
    """Logits three times too large for how often they are right: [files, classes], classes."""
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(400, 4))
    scores = np.exp(wanted) / np.exp(wanted).sum(1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in scores])
    return 3 * wanted, truth


def test_the_temperatures_and_the_figures_are_of_the_held_out_files(logits, monkeypatch):
    asked = []

    def read_windows(model, adapter, cache, only, *, last):
        asked.append(only)
        values, truth = logits
        rows = np.arange(len(truth))
        return Outputs(values * (2 if only else 1), np.zeros((len(truth), 1)), rows, truth)

    monkeypatch.setattr(calibration, "read_windows", read_windows)
    config = PerceiverConfig({"video": 5, "audio": 5}, 4)
    labels = [Label(name, name) for name in "abcd"]
    header = Header("tiny", config, {"modality": "av"}, labels, card={"data": "none"})
    adapter = SimpleNamespace(streams=config.streams, reads=lambda name: name == "video")
    found = calibration.calibrate(header, None, adapter, held=None, known=[])
    assert asked == [None, "video"]
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.stream_temperatures == {"video": pytest.approx(2 * found.temperature, rel=0.02)}
    given = calibration.calibrate(header, None, adapter, held=None, known=[], temperature=1.5)
    assert given.temperature == 1.5
    assert given.stream_temperatures == found.stream_temperatures
    assert found.familiar is None
    measured = found.card["measured"][calibration.HELD]
    assert measured["items"] == 400
    assert measured["ece"] < 0.1
    assert found.card["data"] == "none"


def test_a_temperature_is_the_one_with_the_least_loss(logits):
    values, truth = logits
    out = Outputs(values, np.zeros((400, 1)), np.arange(400), truth)
    best = best_temperature(out.loss)
    assert out.loss(best) < min(out.loss(0.8 * best), out.loss(1.25 * best), out.loss(1.0))


@pytest.mark.parametrize("by_class", [False, True])
def test_what_is_near_no_class_is_unfamiliar_though_it_is_near_their_mean(by_class):
    rng = np.random.default_rng(0)
    centres = np.array([[4.0, 0, 0, -4], [-4, 0, 0, 4], [0, 4, -4, 0], [0, -4, 4, 0]])
    classes = np.arange(400) % 4

    def drawn():
        means = centres[classes] + 0.2 * rng.normal(size=(400, 4))
        return {"": Outputs(np.zeros((400, 4)), means, np.arange(400), classes)}

    familiar = fit_familiar(drawn(), drawn(), by_class)
    assert familiar.means[""].shape == (4 if by_class else 1, 4)
    distances = familiar.distance(drawn()[""].means, "")
    assert 0.9 < np.mean([familiar.includes(d, "") for d in distances]) < 1
    assert familiar.leading.size == (0 if by_class else 16)
    (between,) = familiar.distance(np.array([[2.0, 2, -2, -2]]), "")
    assert familiar.includes(between, "") == (not by_class)
