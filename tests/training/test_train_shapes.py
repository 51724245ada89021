"""The recipe of shapes-40, with a teacher of GDANet's shape and random weights."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from perceiver_cli.checkpoints.format import read_header
from tests.training.test_train_command import MAKERS, make_folder

SHAPES = Path(__file__).parents[2] / "weights" / "recipes" / "shapes"
sys.path.insert(0, str(SHAPES))
import views  # noqa: E402
from gdanet import GDANet  # noqa: E402


def random_network(path, classes):
    """A file of the tensors that the published one has."""
    torch.manual_seed(0)
    tensors = {}

    def layer(name, out, inner, kernel=()):
        weight = torch.randn(out, inner, *kernel) / inner**0.5
        tensors.update({f"module.{name}.weight": weight, f"module.{name}.bias": torch.randn(out)})

    def norm(name, width):
        for part in ("weight", "running_var"):
            tensors[f"module.{name}.{part}"] = 1 + 0.1 * torch.rand(width)
        for part in ("bias", "running_mean"):
            tensors[f"module.{name}.{part}"] = 0.1 * torch.randn(width)

    convolutions = [("conv1", 64, 6), ("conv11", 64, 64), ("conv2", 64, 134), ("conv21", 64, 64)]
    convolutions += [("conv12", 64, 128), ("conv22", 64, 128), ("conv3", 128, 262)]
    convolutions += [("conv31", 128, 128), ("conv32", 128, 128), ("conv4", 512, 256)]
    for number in ("1s", "1g", "2s", "2g"):
        for part in ("g", "theta", "phi"):
            layer(f"SGCAM_{number}.{part}", 32, 64, (1,))
        convolutions.append((f"SGCAM_{number}.W", 64, 32))
    for name, out, inner in convolutions:
        layer(f"{name}.0", out, inner, (1,))
        norm(f"{name}.1", out)
    for name, out, inner, of in (("linear1", 512, 1024, "bn6"), ("linear2", 256, 512, "bn7")):
        layer(name, out, inner)
        norm(of, out)
    layer("linear3", classes, 256)
    torch.save(tensors, path)
    return path


def clouds(count, points=300):
    torch.manual_seed(1)
    return views.in_unit_ball(torch.randn(count, points, 3))


def test_the_teacher_answers_each_cloud_alone_whatever_the_order_of_its_points(tmp_path):
    teacher = GDANet(random_network(tmp_path / "gdanet.t7", 5), torch.device("cpu"))
    points = clouds(2)
    logits = teacher(points)
    assert logits.shape == (2, 5)
    assert (logits[0] - logits[1]).abs().max() > 1e-3
    shuffled = points[1:, torch.randperm(points.shape[1])]
    torch.testing.assert_close(teacher(shuffled), logits[1:], rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("change", [views.resampled, views.deformed])
def test_a_share_of_the_clouds_is_changed(change):
    points = clouds(40)
    assert torch.equal(views.changed(points, 0.0, change), points)
    moved = (views.changed(points, 0.5, change) != points).any(2).any(1)
    assert 5 < moved.sum() < 35


def test_resampled_points_lie_between_neighbours():
    line = torch.linspace(-1, 1, 50).view(1, -1, 1) * torch.tensor([1.0, 2.0, 0.5])
    moved = views.resampled(line)
    assert not torch.equal(moved, line)
    torch.testing.assert_close(moved[..., 1], 2 * moved[..., 0])
    assert (moved - line)[..., 0].abs().max() < 4 * 2 / 49


def test_deformed_clouds_stay_in_the_unit_ball():
    radius = views.deformed(clouds(4)).square().sum(-1).amax(1).sqrt()
    torch.testing.assert_close(radius, torch.ones(4))


@pytest.mark.parametrize("regions", [0.0, 1.0])
def test_targets_are_mixed_as_the_points_are(regions):
    points = torch.cat([clouds(4), 5 + clouds(4)])
    targets = torch.eye(2).repeat_interleave(4, 0)
    order = torch.arange(8).roll(4)
    mixed, of = views.mixed(points, targets, 1.0, regions, order)
    from_second = (mixed[..., 0] > 2.5).float().mean(1)
    torch.testing.assert_close(of[:, 1], from_second)
    assert from_second[:4].max() > 0.1
    few, _ = views.mixed(points, targets, 1.0, regions, order, limit=0.1)
    assert (few[:4, :, 0] > 2.5).float().mean(1).max() <= 0.1


def test_what_the_recipe_trains_is_completed_and_evaluated(tmp_path, run):
    maker, kinds, _ = MAKERS["pointcloud"]
    data = make_folder(tmp_path / "shapes", maker, kinds, {"train": 5, "test": 2})
    network = random_network(tmp_path / "gdanet.t7", len(kinds))
    weights = tmp_path / "shapes-2.safetensors"
    call = [sys.executable, SHAPES / "train_shapes.py", data, network, "-o", weights]
    call += ["--views", "3", "--steps", "2", "--batch-size", "5", "--device", "cpu"]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "8 shapes, 2 held out" in done.stdout
    assert "step 1, loss" in done.stdout
    card = read_header(weights).card
    assert card["steps"] in (1, 2)
    assert card["command"].startswith(f"python {SHAPES / 'train_shapes.py'} ")

    outcome = run("train", data, "-o", weights, "--refit-familiar")
    assert outcome.exit_code == 0, outcome.stderr
    assert read_header(weights).card["measured"]["held-out training files"]["items"] == 2
    outcome = run("evaluate", data, "--model", weights, "--split", "test")
    assert outcome.exit_code == 0, outcome.stderr

    random_network(network, 7)
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "does not have the teacher's 7 classes" in done.stderr
