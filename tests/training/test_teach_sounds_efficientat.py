"""The recipe that lets EfficientAT teach, with a network of its shape and random weights."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from perceiver_cli.checkpoints.format import read_header

RECIPES = Path(__file__).parents[2] / "weights" / "recipes"
KINDS = ("dog_bark", "rain", "sweeping")
sys.path.insert(0, str(RECIPES))
from efficientat import BLOCKS, EfficientAT, at_twice_the_rate, eights  # noqa: E402


def random_network(path):
    """A file of the tensors that the published one has."""
    torch.manual_seed(0)
    tensors = {}

    def convolution(name, out, inner, kernel):
        spread = (2 / (inner * kernel**2)) ** 0.5
        tensors[f"{name}.0.weight"] = spread * torch.randn(out, inner, kernel, kernel)
        for part in ("weight", "running_var"):
            tensors[f"{name}.1.{part}"] = 1 + 0.1 * torch.rand(out)
        for part in ("bias", "running_mean"):
            tensors[f"{name}.1.{part}"] = 0.1 * torch.randn(out)

    def linear(name, out, inner):
        tensors[f"{name}.weight"] = 0.1 * torch.randn(out, inner)
        tensors[f"{name}.bias"] = torch.randn(out)

    channels = eights(16 * 0.4)
    convolution("features.0", channels, 1, 3)
    for number, (kernel, wide, out, gated, _, _) in enumerate(BLOCKS, 1):
        wide, out, part = eights(wide * 0.4), eights(out * 0.4), 0
        block = f"features.{number}.block"
        if wide != channels:
            convolution(f"{block}.{part}", wide, channels, 1)
            part += 1
        convolution(f"{block}.{part}", wide, 1, kernel)
        part += 1
        if gated:
            linear(f"{block}.{part}.conc_se_layers.0.fc1", 8, wide)
            linear(f"{block}.{part}.conc_se_layers.0.fc2", wide, 8)
            part += 1
        convolution(f"{block}.{part}", out, wide, 1)
        channels = out
    convolution("features.16", 384, channels, 1)
    linear("classifier.2", 512, 384)
    linear("classifier.5", 527, 512)
    torch.save(tensors, path)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return random_network(tmp_path_factory.mktemp("network") / "mn04.pt")


def test_a_sound_at_twice_the_rate_is_the_same_sound():
    seconds = np.arange(1600) / 16000
    wave = np.sin(2 * np.pi * 500 * seconds)[None].astype(np.float32)
    doubled = at_twice_the_rate(wave)
    assert doubled.shape == (1, 3200)
    np.testing.assert_allclose(doubled[0, ::2], wave[0], atol=1e-5)


def test_the_network_answers_each_sound_alone(network):
    teacher = EfficientAT(network)
    waves = torch.randn(2, 32000) * torch.tensor([[0.1], [0.01]])
    features, logits = teacher(waves)
    assert features.shape == (2, 512)
    assert logits.shape == (2, 527)
    torch.testing.assert_close(teacher(waves[1:])[1], logits[1:], rtol=1e-3, atol=1e-3)
    assert (logits[0] - logits[1]).abs().max() > 1e-3


def test_what_it_teaches_can_be_learned_from(network, tmp_path, run):
    rng = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        for pitch, kind in enumerate(KINDS, 1):
            folder = tmp_path / "sounds" / split / kind
            folder.mkdir(parents=True)
            for number in range(count):
                tone = 0.3 * np.sin(0.1 * pitch * np.arange(8000)) + 0.01 * rng.normal(size=8000)
                soundfile.write(folder / f"esc_{number}-{number}.ogg", tone, 16000)
    near = json.loads((RECIPES / "audioset_near.json").read_text())
    names = list(dict.fromkeys(name for kind in near.values() for name in kind))
    names += [f"other {i}" for i in range(527 - len(names))]
    rows = "".join(f'{i},/m/{i},"{name}"\n' for i, name in enumerate(names))
    (tmp_path / "names.csv").write_text(f"index,mid,display_name\n{rows}")

    call = [
        sys.executable,
        RECIPES / "teach_sounds_efficientat.py",
        network,
        tmp_path / "names.csv",
    ]
    call += [tmp_path / "sounds", tmp_path / "teacher"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "val, the head: class mean" in done.stdout
    logits = np.load(tmp_path / "teacher" / "logits.npy")
    assert logits.shape == (18, 3, 1, 7)
    assert (logits.mean((2, 3)).argmax(1) == np.repeat([0, 1, 2], 6)).mean() > 0.8
    features = np.load(tmp_path / "teacher" / "features.npy")
    assert features.shape == (18, 512, 1, 7)
    assert abs(features.astype(float).mean()) < 0.01

    weights = tmp_path / "taught.safetensors"
    words = ["train", tmp_path / "sounds", "-m", "audio", "-o", weights, "--steps", 2]
    words += ["--teacher", tmp_path / "teacher", "--batch-size", 4, "--set", "model.width=16"]
    outcome = run(*words, "--set", "model.latents=4", "--set", "model.layers=1")
    assert outcome.exit_code == 0, outcome.stderr
    assert read_header(weights).card["steps"] == 2
