import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from perceiver_cli import Classifier
from perceiver_cli.checkpoints.format import read_header
from perceiver_cli.explain.faithfulness import (
    LEFT,
    Curves,
    Faithfulness,
    area,
    measure_faithfulness,
)
from perceiver_cli.media.source import Source
from perceiver_cli.report.faithfulness import verdict
from tests.samples import make_picture
from tests.without_float64 import without_float64

HIGH, MIDDLE, LOW = (np.full((3, len(LEFT)), level) for level in (0.9, 0.6, 0.2))


@pytest.fixture
def measured():
    """Gradient finds what matters, rollout is as good as chance, attention is worse."""
    return Faithfulness(
        "m",
        3,
        {
            "attention": Curves(HIGH, LOW),
            "rollout": Curves(MIDDLE, MIDDLE),
            "gradient": Curves(LOW, HIGH),
            "random": Curves(MIDDLE, MIDDLE),
        },
    )


def test_areas_lie_under_their_curves():
    assert area(np.ones((2, len(LEFT)))).tolist() == pytest.approx([1, 1])
    assert area(np.array([LEFT])) == pytest.approx([(1 + LEFT[-1]) / 2])


def test_gain_is_how_much_better_than_random(measured):
    figures = measured.to_dict()
    assert figures["winner"] == "gradient"
    gains = {name: entry["gain"] for name, entry in figures["methods"].items()}
    assert gains == pytest.approx({"attention": -0.35, "rollout": 0, "gradient": 0.35, "random": 0})
    assert figures["methods"]["gradient"]["deletion"] == 0.2
    assert figures["methods"]["gradient"]["insertion"] == 0.9


def varying(*gains):
    """Curves whose gains over MIDDLE are these, an item each."""
    change = np.array(gains)[:, None] * np.ones(len(LEFT))
    return Curves(MIDDLE - change, MIDDLE + change)


def test_the_winner_is_better_than_random_by_its_interval(measured, weights, tmp_path):
    # Rollout has the largest gain, but one that chance explains as well.
    measured.curves["rollout"] = varying(0.3, -0.1, 0.1)
    measured.curves["gradient"] = varying(0.05, 0.06, 0.07)
    figures = measured.to_dict()
    assert figures["methods"]["rollout"]["gain"] > figures["methods"]["gradient"]["gain"] > 0
    words = "No better than random, within two standard errors (±): rollout, attention."
    assert words in verdict(figures["methods"])
    assert figures["winner"] == "gradient"
    own = Path(shutil.copy(weights["image"], tmp_path / "own.safetensors"))
    measured.record(own, "val", "perceiver evaluate")
    assert read_header(own).card["explain_with"] == "gradient"


def test_without_a_winner_the_default_method_stays(measured, weights, tmp_path):
    measured.curves["gradient"] = varying(0.3, -0.1, 0.1)
    assert measured.to_dict()["winner"] is None
    own = Path(shutil.copy(weights["image"], tmp_path / "own.safetensors"))
    measured.record(own, "val", "perceiver evaluate")
    card = read_header(own).card
    assert "explain_with" not in card
    assert card["faithfulness"]["val"]["items"] == 3


def test_the_verdict_names_what_loses(measured):
    assert verdict(measured.to_dict()["methods"]) == (
        "Gain over random: gradient +0.350 ± 0.000, rollout +0.000 ± 0.000, attention -0.350 ± "
        "0.000. No better than random, within two standard errors (±): rollout, attention."
    )


@pytest.fixture
def pets(tmp_path):
    for name in ("n00", "n01"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            make_picture(tmp_path / "pets" / name / f"{number}.png", 64 + 8 * number)
    return tmp_path / "pets"


def test_evaluate_measures_and_records_it(run, weights, media, pets, tmp_path):
    own = shutil.copy(weights["image"], tmp_path / "own.safetensors")
    call = ("evaluate", pets, "--model", own, "--faithfulness", "--record", "val")
    table = run(*call)
    assert table.exit_code == 0, table.stderr
    assert "Faithfulness of tiny-image on 6 items" in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 80
    found = json.loads(run(*call, "--format", "json").stdout)
    methods = found["methods"]
    assert set(methods) == {"attention", "rollout", "gradient", "random"}
    starts = {entry[curve][0] for entry in methods.values() for curve in entry if "curve" in curve}
    assert len(starts) == 1  # with all elements left, every order gives the answer's own score
    card = json.loads(run("models", "info", own, "--format", "json").stdout)["card"]
    assert card.get("explain_with") == found["winner"]
    assert card["faithfulness"]["val"]["items"] == 6
    assert card["faithfulness"]["val"]["command"].startswith("perceiver")
    assert card["measured"]["val"]["items"] == 1200  # what was there stays
    assert "Gain over random" in run("models", "info", own).stdout


def test_a_device_without_float64_measures_the_same(weights, media):
    classifier = Classifier(str(weights["image"]))
    expected = measure_faithfulness([media["image"]], classifier, lambda: None)
    item = classifier.prepare(Source(str(media["image"])))
    without_float64(classifier.engine_of(item).float32_model)
    found = measure_faithfulness([media["image"]], classifier, lambda: None)
    assert found.to_dict() == expected.to_dict()


def test_only_some_of_the_files(run, weights, pets):
    call = ("evaluate", pets, "--model", weights["image"], "--files", 4, "--format", "json")
    found = json.loads(run(*call).stdout)
    assert found["items"] == 4
    assert [entry["items"] for entry in found["classes"]] == [2, 2]


@pytest.mark.parametrize("winner", ["gradient", "rollout", "attention", "nonsense"])
def test_explain_uses_the_winner(run, weights, media, tmp_path, winner):
    pytest.importorskip("matplotlib")
    from perceiver_cli.checkpoints.card import add_to_card

    own = shutil.copy(weights["image"], tmp_path / "own.safetensors")
    measured = {"items": 1, "methods": {}}
    add_to_card(own, "faithfulness", "val", measured, explain_with=winner)
    out = tmp_path / "seen.png"
    outcome = run("explain", media["image"], "-o", out, "--model", own)
    expected = "attention" if winner == "nonsense" else winner
    assert outcome.stdout.splitlines()[1].lower().startswith(expected)
