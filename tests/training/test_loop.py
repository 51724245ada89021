import re
import time
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from perceiver_cli.adapters import build_adapter
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import part
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training import loop
from perceiver_cli.training.batches import Batch
from perceiver_cli.training.data.cache import Cache
from perceiver_cli.training.distillation import Teacher
from perceiver_cli.training.hyperparameters import Hyperparameters
from perceiver_cli.training.loop import Training
from perceiver_cli.training.optimiser import rate_factor
from perceiver_cli.training.outputs import read_windows
from perceiver_cli.training.saved_state import check_continues
from tests.without_float64 import without_float64

POINTS = {"modality": "pointcloud", "points": 16, "bands": 2}


def corners_and_rods(count: int = 40) -> Cache:
    """Two kinds of shapes: round clouds and thin rods."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 16, 3)).astype(np.float32)
    classes = np.arange(count) % 2
    points[classes == 1] *= (0.05, 0.05, 1.0)
    present = {"pointcloud": np.ones(count, bool)}
    return Cache({"pointcloud": points}, present, classes, np.arange(count), 0)


def new_training(run, device="cpu", **hyperparameters) -> Training:
    adapter = build_adapter(POINTS)
    torch.manual_seed(0)
    model = Perceiver(PerceiverConfig(adapter.streams, 2, latents=4, width=16, layers=1))
    given = {"steps": 12, "batch_size": 8, "ema_decay": 0.5} | hyperparameters
    run.mkdir(exist_ok=True)
    return Training(model.to(device), adapter, corners_and_rods(), Hyperparameters(**given), run)


class KilledError(Exception):
    pass


def kill_at(step):
    def tell(progress):
        if progress.step == step:
            raise KilledError

    return tell


@pytest.mark.parametrize("save_every_s", [0.0, 1e9])
def test_a_killed_training_goes_on_and_ends_the_same(tmp_path, monkeypatch, save_every_s):
    monkeypatch.setattr(loop, "SAVE_EVERY_S", save_every_s)
    whole = new_training(tmp_path / "whole")
    whole.run(lambda progress: None)
    with pytest.raises(KilledError):
        new_training(tmp_path / "cut").run(kill_at(7))
    resumed = new_training(tmp_path / "cut")
    steps = []
    resumed.run(lambda progress: steps.append(progress.step))
    assert steps[-1] == 12
    assert steps[0] == (7 if save_every_s == 0 else 1)
    resumed_average = resumed.average.module.state_dict()
    for name, value in whole.average.module.state_dict().items():
        assert torch.equal(resumed_average[name], value), name


def test_a_state_of_an_older_version_is_read(tmp_path, monkeypatch):
    """It named the tensors of the feature loss otherwise."""
    rng = np.random.default_rng(0)
    sounds = {"audio": rng.normal(size=(6, 9600)).astype(np.float32)}
    cache = Cache(sounds, {"audio": np.ones(6, bool)}, np.arange(6) % 2, np.arange(6), [])
    outputs = {"teacher": (6, 2, 1, 1), "teacher_features": (6, 3, 1, 1)}
    drawn = {name: rng.normal(size=shape).astype(np.float16) for name, shape in outputs.items()}
    adapter = build_adapter({"modality": "audio", "window_s": 0.4})

    def sound_training(run):
        torch.manual_seed(0)
        model = Perceiver(PerceiverConfig(adapter.streams, 2, latents=4, width=16, layers=1))
        run.mkdir(exist_ok=True)
        given = Hyperparameters(steps=4, batch_size=4)
        return Training(model, adapter, cache, given, run, Teacher(drawn, np.arange(6)))

    monkeypatch.setattr(loop, "SAVE_EVERY_S", 0.0)
    whole = sound_training(tmp_path / "whole")
    whole.run(lambda progress: None)
    with pytest.raises(KilledError):
        sound_training(tmp_path / "cut").run(kill_at(3))
    state = tmp_path / "cut" / "state.safetensors"
    with safe_open(state, framework="pt") as file:
        where = file.metadata()
    tensors = {name.replace("feature_loss/", "guide/"): t for name, t in load_file(state).items()}
    assert sum(name.startswith("guide/") for name in tensors) == 2
    save_file(tensors, state, metadata=where)
    resumed = sound_training(tmp_path / "cut")
    resumed.run(lambda progress: None)
    for name, value in whole.average.module.state_dict().items():
        assert torch.equal(resumed.average.module.state_dict()[name], value), name
    for expected, found in zip(
        whole.feature_loss.parameters(), resumed.feature_loss.parameters(), strict=True
    ):
        assert torch.equal(found, expected)


def test_a_finished_training_does_nothing_more(tmp_path):
    new_training(tmp_path).run(lambda progress: None)
    new_training(tmp_path).run(kill_at(13))


def test_half_written_state_is_never_seen(tmp_path):
    first = new_training(tmp_path)
    first.run(lambda progress: None)
    (tmp_path / "state.part").write_bytes(b"half")
    again = new_training(tmp_path)
    again.run(lambda progress: None)
    assert again.step == 12


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    """The loss of the last step is that of the weights before it."""
    training = new_training(tmp_path, steps=2, decay=1e300)
    losses = []
    with pytest.raises(UsageError, match=r"weights are not finite after step 2: .* --rate"):
        training.run(lambda progress: losses.append(progress.loss))
    assert np.isfinite(losses).all()
    assert not training.state_file.exists()


def test_a_state_that_cannot_be_read_is_named_and_stays(tmp_path):
    new_training(tmp_path).run(lambda progress: None)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:1000])
    before = state.read_bytes()
    with pytest.raises(UsageError, match=re.escape(str(state))):
        new_training(tmp_path).run(lambda progress: None)
    assert state.read_bytes() == before
    with pytest.raises(UsageError, match=r"cannot be read .* --run"):
        check_continues(tmp_path, {})


def test_a_clock_that_ticks_rarely_stops_no_training(tmp_path, monkeypatch):
    """As time.monotonic does on Windows, every 15.6 ms with Python before 3.13."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    speeds = []
    new_training(tmp_path).run(lambda progress: speeds.append(progress.items_per_s))
    assert len(speeds) == 12


def test_a_batch_beyond_the_memory_is_told_in_one_line(tmp_path):
    training = new_training(tmp_path, batch_size=10**15)
    with pytest.raises(UsageError, match=r"out of memory with .* smaller --batch-size"):
        training.run(lambda progress: None)


def test_too_little_memory_of_an_apple_gpu_is_told_in_one_line(tmp_path, monkeypatch):
    training = new_training(tmp_path)

    def forward(*arguments, **options):
        raise RuntimeError("MPS backend out of memory (MPS allocated: 7.50 GB)")

    monkeypatch.setattr(training.model, "forward", forward)
    with pytest.raises(UsageError, match="smaller --batch-size"):
        training.run(lambda progress: None)


def test_training_learns(tmp_path):
    training = new_training(tmp_path, steps=150, rate=5e-3, mixup=0.0, smoothing=0.0)
    losses = []
    training.run(lambda progress: losses.append(progress.loss))
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:20])


def test_a_time_budget_ends_the_training(tmp_path):
    training = new_training(tmp_path, steps=None, minutes=0.01)
    shares = []
    training.run(lambda progress: shares.append(progress.share))
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


def test_a_share_of_latents_and_elements_is_used_until_the_last_tenth(tmp_path, monkeypatch):
    training = new_training(tmp_path, latent_share=0.5, element_share=0.25)
    with_positions, forward = training.batches.adapter.with_positions, training.model.forward
    there, used = [], []

    def counted(features):
        made = with_positions(features)
        there.append(made["pointcloud"].shape[1])
        return made

    def watched(streams, chosen, dtype):
        used.append((streams["pointcloud"].shape[1], chosen))
        return forward(streams, chosen=chosen, dtype=dtype)

    monkeypatch.setattr(training.batches.adapter, "with_positions", counted)
    monkeypatch.setattr(training.model, "forward", watched)
    training.run(lambda progress: None)
    (first, chosen), (last, everything) = used[0], used[-1]
    assert first == round(0.25 * there[0])
    assert len(chosen.unique()) == 2
    assert last == there[-1]
    assert everything is None


def test_balance_draws_rare_classes_as_often(tmp_path):
    cache = corners_and_rods()
    rare = Cache(
        {n: a[:22] for n, a in cache.streams.items()},
        cache.present,
        np.array([0] * 20 + [1] * 2),
        np.arange(22),
        0,
    )
    adapter = build_adapter(POINTS)
    model = Perceiver(PerceiverConfig(adapter.streams, 2, latents=4, width=16, layers=1))
    for balance, share in ((1.0, 0.5), (0.0, 2 / 22)):
        given = Hyperparameters(steps=1, balance=balance)
        training = Training(model, adapter, rare, given, tmp_path)
        assert float(training.batches.sampling_weights[20:].sum()) == pytest.approx(share)


ARRAYS = {
    "image": lambda: {"image": torch.randint(0, 256, (6, 64, 64, 3), dtype=torch.uint8)},
    "audio": lambda: {"audio": torch.randn(6, 80000)},
    "pointcloud": lambda: {"pointcloud": torch.randn(6, 1024, 3)},
    "av": lambda: {
        "video": torch.randint(0, 256, (6, 8, 64, 64, 3), dtype=torch.uint8),
        "audio": torch.randn(6, 32000),
    },
}


@pytest.mark.parametrize("modality", ARRAYS)
@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_augmented_batches_fit_the_model_and_their_targets_sum_to_one(modality, mixup):
    adapter = build_adapter({"modality": modality})
    augment = part(modality, "augmentation")(adapter, mixup)
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        targets = torch.eye(6)
        augmented = augment(ARRAYS[modality](), targets)
        for name, elements in adapter.with_positions(augmented.features).items():
            assert elements.shape[2] == adapter.streams[name]
            assert elements.isfinite().all()
            seen.add(name)
        torch.testing.assert_close(augmented.targets.sum(1), torch.ones(6))
        if not mixup:
            assert torch.equal(augmented.targets, targets)
    assert seen == set(adapter.streams)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_tensors_of_a_step_are_on_the_models_device(tmp_path, monkeypatch, precision):
    """The meta device computes nothing, but refuses most tensors of another device."""
    lowered = []

    def autocast(device, dtype):
        lowered.append((device, dtype))
        return nullcontext()

    monkeypatch.setattr(torch, "autocast", autocast)
    given = {"latent_share": 0.5, "element_share": 0.5, "precision": precision}
    drawn = new_training(tmp_path / "here", **given).batches.draw(0, 0.0)
    assert drawn.elements["pointcloud"].shape[0] == 8
    assert drawn.latents.shape == (2,)
    training = new_training(tmp_path / "there", device="meta", **given)
    batch = Batch(
        {name: array.to("meta") for name, array in drawn.elements.items()},
        drawn.targets.to("meta"),
        None,
        drawn.latents.to("meta"),
    )
    loss = training.train_step(batch)
    training.average.update_parameters(training.model)
    assert loss.device.type == "meta"
    assert all(value.device.type == "meta" for value in training.average.module.parameters())
    assert lowered == ([] if precision == "float32" else [("meta", torch.bfloat16)])


def test_batches_that_are_drawn_ahead_are_those_of_their_steps(tmp_path, monkeypatch):
    given = {"steps": 9, "latent_share": 0.5, "mixup": 1.0}
    here, ahead = new_training(tmp_path / "a", **given), new_training(tmp_path / "b", **given)
    drawn = [here.batches.draw(step, step / 9) for step in range(8)]
    monkeypatch.setattr(ahead.batches, "device", torch.device("mps"))
    monkeypatch.setattr(ahead.batches, "on_device", nullcontext)
    batches = ahead.batches.from_step(0, lambda step: step / 9)
    for expected, found in zip(drawn, batches, strict=False):
        assert torch.equal(found.targets, expected.targets)
        assert torch.equal(found.elements["pointcloud"], expected.elements["pointcloud"])
        assert torch.equal(found.latents, expected.latents)
    batches.close()


def test_devices_without_float64_get_no_float64(tmp_path):
    """The meta device stands for them; MPS refuses such tensors."""
    training = new_training(tmp_path, device="meta")
    assert training.batches.sampling_weights.dtype == torch.float32
    assert new_training(tmp_path).batches.sampling_weights.dtype == torch.float64


def test_what_a_model_without_float64_computes_is_read(tmp_path):
    training = new_training(tmp_path)
    expected = read_windows(training.model.eval(), training.batches.adapter, corners_and_rods())
    without_float64(training.model)
    found = read_windows(training.model, training.batches.adapter, corners_and_rods())
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.means, expected.means)


def test_targets_are_smoothed(tmp_path):
    training = new_training(tmp_path, mixup=0.0, smoothing=0.2)
    targets = training.batches.draw(0, 0.0).targets
    assert targets.unique().tolist() == pytest.approx([0.1, 0.9])
    torch.testing.assert_close(targets.sum(1), torch.ones(8))


def test_gradients_are_clipped(tmp_path, monkeypatch):
    training = new_training(tmp_path)
    with torch.no_grad():
        training.model.readout.head.weight.mul_(1000)
    norms = []

    def measured():
        gradients = [p.grad for p in training.model.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    monkeypatch.setattr(training.optimisers[0], "step", measured)
    training.train_step(training.batches.draw(0, 0.0))
    assert norms == [pytest.approx(1, rel=1e-3)]


def test_the_learning_rate_follows_its_curve(tmp_path):
    rates = []
    new_training(tmp_path, steps=20, rate=0.5).run(lambda progress: rates.append(progress.rate))
    assert rates == pytest.approx([0.5 * rate_factor(step / 20) for step in range(20)])
