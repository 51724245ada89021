"""The commands on a CUDA device; skipped if there is none."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from perceiver_cli import Classifier
from perceiver_cli.checkpoints.format import load_checkpoint
from perceiver_cli.choices import Method
from perceiver_cli.explain.methods import attribute
from perceiver_cli.media.source import Source

pytestmark = pytest.mark.cuda

KINDS = ("image", "audio", "pointcloud", "av")


@pytest.fixture
def pets(tmp_path):
    """Red and blue pictures, in folders."""
    rng = np.random.default_rng(0)
    for split, count in {"train": 12, "val": 4}.items():
        for channel, kind in ((0, "red"), (2, "blue")):
            folder = tmp_path / "pets" / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 80, (40, 40, 3), dtype=np.uint8)
                pixels[..., channel] += 150
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize("kind", KINDS)
def test_float32_gives_the_scores_of_the_processor(weights, media, kind):
    results = []
    for device in ("cpu", "cuda"):
        classifier = Classifier(
            str(weights[kind]), device=device, precision="float32", top=None, batch_size=3
        )
        results.append(list(classifier.stream([media[kind]] * 5)))
    for cpu, cuda in zip(*results, strict=True):
        scores = [{p.id: p.score for p in result.predictions} for result in (cpu, cuda)]
        assert scores[0].keys() == scores[1].keys()
        for name, score in scores[0].items():
            assert scores[1][name] == pytest.approx(score, abs=2e-4)  # they are rounded to 1e-4
        for one, other in zip(
            cpu.attention.cross_attends, cuda.attention.cross_attends, strict=True
        ):
            assert other.entropy_bits == pytest.approx(one.entropy_bits, abs=2e-3)
            assert other.share == pytest.approx(one.share, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_precision_that_is_there_runs(weights, media, kind):
    for precision in ("auto", "bfloat16"):
        result = Classifier(str(weights[kind]), device="cuda", precision=precision).classify(
            media[kind]
        )
        assert result.ok
        assert all(np.isfinite(p.score) for p in result.predictions)


@pytest.mark.parametrize("method", list(Method))
def test_attributions_are_those_of_the_cpu(weights, media, method):
    masses = []
    for device in ("cpu", "cuda"):
        classifier = Classifier(str(weights["image"]), device=device)
        item = classifier.prepare(Source(str(media["image"])))
        engine = classifier.engine_of(item)
        masses.append(attribute(engine, item.windows[0], method, 0)[0])
    np.testing.assert_allclose(*masses, atol=1e-4)


def test_classify(bundle, media, run):
    outcome = run("classify", *media.values(), "--device", "cuda", "--format", "jsonl")
    assert outcome.exit_code == 0, outcome.stderr
    assert len(outcome.stdout.splitlines()) == len(media)


def test_train_and_evaluate(pets, run, tmp_path):
    made = tmp_path / "pets.safetensors"
    call = ["train", pets, "-m", "image", "-o", made, "--batch-size", 8, "--device", "cuda"]
    for setting in ("model.latents=8", "model.width=16", "model.layers=1", "input.size=16"):
        call += ["--set", setting]
    for steps in (3, 40):  # the second call goes on where the first has stopped
        assert run(*call, "--steps", steps).exit_code == 0
    assert all(torch.isfinite(t).all() for t in load_checkpoint(made).tensors.values())
    measured = []
    for device in ("cpu", "cuda"):
        outcome = run(
            "evaluate", pets, "--model", made, "--device", device,
            "--precision", "float32", "--format", "json",
        )  # fmt: skip
        assert outcome.exit_code == 0, outcome.stderr
        measured.append(json.loads(outcome.stdout)["top1"])
    assert measured[0] == measured[1]
