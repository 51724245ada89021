"""The fine-tuning of teach_pictures.py, with a network of one convolution."""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.training.test_train_command import MAKERS, make_folder

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipes"))
from finetuned import SIDE, FineTuned, in_range


class Network(torch.nn.Module):
    """Features of squares of 32x32 pixels."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 8, 32, stride=32)

    def extract_features(self, pictures):
        assert pictures.shape[1:] == (3, SIDE, SIDE)
        assert -1 <= pictures.min() < pictures.max() <= 1
        return self.convolution(pictures).relu()


def test_network_and_head_learn_together(tmp_path):
    maker, kinds, _ = MAKERS["image"]
    data = make_folder(tmp_path, maker, kinds, {"train": 6})
    files = [file for kind in kinds for file in sorted((data / "train" / kind).iterdir())]
    classes = torch.arange(2).repeat_interleave(6)
    torch.manual_seed(0)
    network, head = Network(), torch.nn.Linear(8, 2).requires_grad_(False)
    before = network.convolution.weight.detach().clone()
    learner = FineTuned(network, head, "cpu")

    def right():
        logits = learner.logits(files)
        assert logits.shape == (12, 2, 3, 3)
        assert logits.dtype == np.float16
        return (logits.mean((2, 3)).argmax(1) == classes.numpy()).mean()

    assert right() < 1
    learner.fit(files, classes, steps=20, seed=0)
    assert right() == 1
    assert not torch.equal(network.convolution.weight, before)


def test_brighter_pixels_stay_in_range():
    white = in_range(Image.new("RGB", (4, 2), (255, 200, 0)), 1.2)
    assert white.shape == (3, 2, 4)
    np.testing.assert_allclose(white[:, 0, 0], [1, 240 / 127.5 - 1, -1], atol=1e-6)
