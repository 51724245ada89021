"""A new modality is one row of the table and the file that the row names."""

import json

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.modalities import MODALITIES
from tests.new_modality.series import ROW

TINY = ["--set", "model.latents=8", "--set", "model.width=16", "--set", "model.layers=1"]


@pytest.fixture(autouse=True)
def row(monkeypatch):
    monkeypatch.setitem(MODALITIES, ROW.name, ROW)


def make_series(path, rising: bool, rng):
    values = np.cumsum(rng.uniform(0, 1, 50)) * (1 if rising else -1)
    path.write_text("value\n" + "\n".join(f"{v:.3f}" for v in values) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base, rng = tmp_path_factory.mktemp("series"), np.random.default_rng(0)
    for split, count in (("train", 20), ("val", 6)):
        for name, rising in (("rising", True), ("falling", False)):
            (base / split / name).mkdir(parents=True)
            for number in range(count):
                make_series(base / split / name / f"{number}.csv", rising, rng)
    return base


@pytest.fixture
def model(run, folder, tmp_path):
    output = tmp_path / "series.safetensors"
    call = ("train", folder, "-m", "timeseries", "-o", output, "--steps", 80, "--batch-size", 16)
    outcome = run(*call, "--rate", "5e-3", *TINY)
    assert outcome.exit_code == 0, outcome.stderr
    return output


def test_it_is_trained_evaluated_classified_explained_and_reported(run, model, folder, tmp_path):
    file = make_series(tmp_path / "new.csv", True, np.random.default_rng(1))

    outcome = run("evaluate", folder, "--model", model, "--robustness", "--format", "json")
    assert outcome.exit_code == 0, outcome.stderr
    measured = json.loads(outcome.stdout)
    assert measured["top1"] > 0.9
    assert set(measured["robustness"]) == {"upside down"}
    assert measured["robustness"]["upside down"]["top1"] < 0.1

    outcome = run("classify", file, "--model", model, "--format", "json")
    (record,) = json.loads(outcome.stdout)
    assert record["modality"] == "series"
    assert record["detected_by"] == "a column of values"
    assert record["predictions"][0]["label"] == "rising"
    assert record["input"] == {"values": 50}
    assert set(record["attention"]["cross_attends"][0]["focus"][0]["where"]) == {
        "start_s",
        "end_s",
    }

    table = run("classify", file, "--model", model).stdout
    assert "50 values" in table
    assert "of the time series" in " ".join(table.split())

    assert "sin, cos of position" in run("inspect", file, "--model", model).stdout

    drawn = tmp_path / "drawn.png"
    assert run("explain", file, "--model", model, "-o", drawn).exit_code == 0
    assert Image.open(drawn).size == (400, 200)

    page = tmp_path / "page.html"
    assert run("classify", file, "--model", model, "--report", page).exit_code == 0
    assert "50 values" in page.read_text()


def test_without_weights_it_is_known_and_cannot_be_read(run, tmp_path):
    file = make_series(tmp_path / "new.csv", True, np.random.default_rng(1))
    outcome = run("classify", file)
    assert outcome.exit_code == 3
    assert "series" in outcome.stderr


def test_the_command_line_names_it(run):
    outcome = run("classify", "nothing.csv", "--modality", "colour")
    assert outcome.exit_code == 2
    assert "series" in outcome.stderr
