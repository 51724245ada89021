"""Temperature, threshold and figures are fitted on the held-out files."""

from types import SimpleNamespace

import numpy as np
import pytest

from perceiver_cli.checkpoints.format import Header, Label
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.training import run
from perceiver_cli.training.metrics import fit_temperature


@pytest.fixture
def logits():
    """Logits three times too large for how often they are right: [files, classes], classes."""
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=(400, 4))
    scores = np.exp(wanted) / np.exp(wanted).sum(1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in scores])
    return 3 * wanted, truth


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


def test_the_threshold_and_the_figures_are_of_calibrated_scores(logits, monkeypatch):
    asked = []

    def held_out_logits(model, adapter, held_out, only=None):
        asked.append(only)
        return (logits[0] * 2, logits[1]) if only else logits

    monkeypatch.setattr(run, "held_out_logits", held_out_logits)
    config = PerceiverConfig({"video": 5, "audio": 5}, 4)
    labels = [Label(name, name) for name in "abcd"]
    header = Header("tiny", config, {"modality": "av"}, labels, card={"data": "none"})
    adapter = SimpleNamespace(streams=config.streams, reads=lambda name: name == "video")
    found = run._calibrate(header, None, adapter, None)
    assert asked == [None, "video"]
    assert found.temperature == pytest.approx(3, rel=0.2)
    assert found.temperature == pytest.approx(fit_temperature(*logits), abs=1e-4)
    assert found.alone == {"video": pytest.approx(2 * found.temperature, rel=0.02)}
    best = softmax(logits[0] / found.temperature).max(1)
    assert found.threshold == pytest.approx(np.quantile(best, 0.05), abs=1e-3)
    measured = found.card["measured"]["held-out training files"]
    assert measured["items"] == 400
    assert measured["ece"] < 0.1
    assert found.card["data"] == "none"
