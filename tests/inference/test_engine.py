"""The engine on simulated devices: batch sizes, and the devices of tensors."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from perceiver_cli import Classifier
from perceiver_cli.checkpoints.familiar import FamiliarityStatistics, standardised
from perceiver_cli.checkpoints.format import load_checkpoint, save_checkpoint
from perceiver_cli.errors import UsageError
from perceiver_cli.inference import engine as engines
from perceiver_cli.inference.attention_statistics import AttentionRecorder
from perceiver_cli.inference.engine import Engine
from perceiver_cli.media.source import Source
from perceiver_cli.model.perceiver import MeanLatent
from tests.conftest import make_weights

CPU = torch.device("cpu")


@pytest.fixture
def windows(weights, media):
    """kind -> six windows of one file."""

    def make(kind: str):
        item = Classifier(str(weights[kind])).prepare(Source(str(media[kind])))
        return [item.windows[0]] * 6

    return make


@pytest.fixture
def sizes(monkeypatch):
    """The sizes of the batches that were read; room["items"] of them fit at a time."""
    room, seen = {"items": 1000}, []
    real = Engine.predict_alike

    def predict(self, windows, attention):
        seen.append(len(windows))
        if len(windows) > room["items"]:
            raise room.get("error", torch.OutOfMemoryError("CUDA out of memory"))
        return real(self, windows, attention)

    monkeypatch.setattr(Engine, "predict_alike", predict)
    return room, seen


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 7.50 GB, other: 1.20 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate"),
    ],
)
def test_a_batch_that_does_not_fit_is_halved(weights, windows, sizes, error):
    room, seen = sizes
    room["error"] = error
    six = windows("image")
    engine = Engine(weights["image"], CPU, "float32")
    expected = engine.predict(six, attention=False)
    room["items"] = 2
    seen.clear()
    found = engine.predict(six, attention=False)
    assert seen == [6, 3, 1, 1, 1, 1, 1, 1]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-6)
    seen.clear()
    engine.predict(six, attention=False)
    assert set(seen) == {1}


def test_an_input_that_does_not_fit_is_told_in_one_line(weights, windows, sizes):
    sizes[0]["items"] = 0
    with pytest.raises(UsageError, match=r"out of memory on cpu$"):
        Engine(weights["image"], CPU, "float32").predict(windows("image"), attention=False)


def test_other_errors_of_the_model_are_raised_as_they_are(weights, windows, sizes):
    sizes[0].update(items=2, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Engine(weights["image"], CPU, "float32").predict(windows("image"), attention=False)


def test_batches_follow_the_free_memory_of_a_gpu(weights, windows, sizes, monkeypatch):
    six = windows("image")
    engine = Engine(weights["image"], CPU, "float32")
    model = engine.header.model
    item = 4 * engine.streams(six[:1])["image"].shape[1] * model.channels
    monkeypatch.setattr(
        engines, "free_bytes", lambda device: engines.GPU_MEMORY_DIVISOR * (4 * item + 1)
    )
    engine.predict(six, attention=False)
    assert sizes[1] == [4, 2]


@pytest.mark.parametrize("kind", ["image", "audio", "pointcloud", "av"])
def test_all_tensors_are_on_the_models_device(weights, windows, kind, monkeypatch):
    """The meta device computes nothing, but refuses most tensors of another device."""
    meta = torch.device("meta")
    monkeypatch.setattr(engines, "pick_precision", lambda *_: torch.float32)
    engine = Engine(weights[kind], meta, "float32")
    watch = AttentionRecorder()
    with torch.inference_mode():
        logits = engine.run(engine.streams(windows(kind)), watch)
    assert logits.device == meta
    assert logits.shape == (6, engine.header.model.classes)
    assert {measured.mass.device for measured in watch.measured} == {meta}


def test_statistics_are_taken_only_if_asked_for(weights, windows):
    engine = Engine(weights["image"], CPU, "float32")
    (plain,) = engine.predict(windows("image")[:1], attention=False)
    (watched,) = engine.predict(windows("image")[:1], attention=True)
    assert plain.statistics is None
    assert len(watched.statistics.cross_attends) == engine.header.model.cross_attends
    np.testing.assert_allclose(plain.scores, watched.scores, atol=1e-6)


def test_a_window_knows_the_size_of_its_byte_array(weights, windows, tmp_path):
    recipe = Engine(weights["av"], CPU, "float32").adapter.recipe
    learned = make_weights(tmp_path / "learned.safetensors", recipe, learned_elements=3)
    engine = Engine(learned, CPU, "float32")
    (window,) = windows("av")[:1]
    (found,) = engine.predict([window], attention=False)
    sizes = [x.shape[1] for x in engine.streams([window]).values()]
    assert len(sizes) == 2
    assert (found.num_elements, found.channels) == (sum(sizes) + 3, engine.header.model.channels)


@pytest.mark.parametrize("last", [False, True])
def test_the_distance_is_that_of_the_mean_latent(weights, windows, tmp_path, last):
    """Of a mean latent's distance from itself, which is none, and of another's."""
    plain = load_checkpoint(weights["image"])
    width = plain.header.model.width
    latent = MeanLatent(last=last)
    engine = Engine(weights["image"], CPU, "float32")
    (window,) = windows("image")[:1]
    with torch.inference_mode():
        engine.run(engine.streams([window]), None, latent)
    assert engine.predict([window], attention=False)[0].distance is None

    def distance(mean):
        means = {"": mean[None]}
        familiar = FamiliarityStatistics(np.eye(width), means, {"": 1.5}, last)
        header = replace(plain.header, familiar=familiar.to_dict())
        path = tmp_path / "familiar.safetensors"
        save_checkpoint(path, replace(plain, header=header))
        return Engine(path, CPU, "float32").predict([window] * 2, attention=False)[1].distance

    mean = latent.mean[0].double().numpy()
    mean = standardised(mean) if last else mean
    assert distance(mean) == pytest.approx(0, abs=1e-4)
    assert distance(mean + 2) == pytest.approx(4, rel=1e-2)
