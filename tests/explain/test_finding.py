"""Explanations find the bright patch that a model was trained to detect."""

from dataclasses import asdict

import pytest
import torch
from PIL import Image

from perceiver_cli.adapters import build_adapter
from perceiver_cli.checkpoints.format import Checkpoint, Header, Label, save_checkpoint
from perceiver_cli.explain.attribution import Trace, gradient_times_input, magnitude, rollout
from perceiver_cli.explain.faithfulness import measure_faithfulness
from perceiver_cli.inference.classifier import Classifier
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.base import Window

SIDE = 4


@pytest.fixture(scope="module")
def adapter():
    return build_adapter({"modality": "image", "size": 16, "patch": 4, "bands": 2})


def pictures(count, generator, places=None):
    """Noise, in odd items with a bright patch at a place of the 4 x 4 grid."""
    noise = torch.randint(60, 180, (count, 16, 16, 3), generator=generator, dtype=torch.uint8)
    for item in range(1, count, 2):
        place = int(torch.randint(SIDE**2, (), generator=generator)) if places is None else places
        row, column = 4 * (place // SIDE), 4 * (place % SIDE)
        noise[item, row : row + 4, column : column + 4] = torch.tensor([255, 255, 40])
    return noise


@pytest.fixture(scope="module")
def model(adapter):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    config = PerceiverConfig(adapter.streams, 2, latents=8, width=32, layers=1, self_heads=2)
    model = Perceiver(config)
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    truth = torch.arange(64) % 2
    for _ in range(120):
        logits = model(adapter.byte_array({"image": pictures(64, generator)}))
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(logits, truth).backward()
        optimiser.step()
    assert (logits.argmax(1) == truth).float().mean() > 0.95
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("place", [0, 3, 6, 12, 15])
@pytest.mark.parametrize("method", ["gradient", "rollout"])
def test_the_patch_is_found(model, adapter, method, place):
    generator = torch.Generator().manual_seed(1)
    streams = adapter.byte_array({"image": pictures(16, generator, place)})
    streams = {"image": streams["image"][1::2]}
    if method == "gradient":
        classes = torch.ones(8, dtype=torch.long)
        mass = magnitude(gradient_times_input(model, streams, classes))
    else:
        with torch.no_grad(), Trace(model) as trace:
            model(streams)
        mass = rollout(trace.steps, trace.readout)
    crop = {"left": 0, "top": 0, "width": 16, "height": 16}
    attribution = adapter.attribution_map("image", mass.numpy(), Window({}, crop)).values
    found = attribution.mean(0)
    assert divmod(int(found.argmax()), SIDE) == divmod(place, SIDE)
    assert found.max() > 0.2


def test_what_is_found_matters(model, adapter, tmp_path):
    """Without the patch the model says that there is none: the methods know where it is."""
    header = Header(
        name="patches",
        model=model.config,
        recipe=asdict(adapter.recipe),
        labels=[Label("none", "none"), Label("patch", "patch")],
    )
    path = tmp_path / "patches.safetensors"
    save_checkpoint(path, Checkpoint(header, model.state_dict()))
    files = []
    for number, pixels in enumerate(pictures(16, torch.Generator().manual_seed(2))[1::2]):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels.numpy()).save(files[-1])
    classifier = Classifier(str(path), precision="float32")
    methods = measure_faithfulness(files, classifier, lambda: None).to_dict()["methods"]
    for method in ("gradient", "rollout"):
        assert methods[method]["gain"] > 0.3
        assert methods[method]["deletion"] < methods["random"]["deletion"] - 0.2
