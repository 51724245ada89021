from dataclasses import asdict, replace

import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.checkpoints.format import Checkpoint, Header, Label
from perceiver_cli.errors import UsageError
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.warm_start import (
    frame_channels,
    initial_recipe,
    level_channels,
    load_matching_weights,
)

PICTURE = {"modality": "image", "size": 16, "patch": 4, "bands": 3, "highest": 2.0}


@pytest.fixture(
    params=[(1, 0, "pixels"), (2, 12, "pixels"), (2, 12, "cosines")],
    ids=["one head", "two heads", "cosines"],
)
def start(request):
    heads, qk, values = request.param
    adapter = build_adapter(PICTURE | {"values": values})
    torch.manual_seed(0)
    config = PerceiverConfig(
        adapter.streams, 2, latents=4, width=16, layers=1, cross_heads=heads, cross_channels=qk
    )
    model = Perceiver(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    labels = [Label("a", "a"), Label("b", "b")]
    header = Header("small", config, asdict(adapter.recipe), labels)
    return Checkpoint(header, model.state_dict())


def new_video_model(start, **changes):
    adapter = build_adapter(initial_recipe("av", start) | changes)
    model = Perceiver(replace(start.header.model, streams=adapter.streams, classes=5))
    load_matching_weights(model, adapter, list("abcde"), start)
    return adapter, model


def test_a_video_is_read_as_the_pictures_were(start):
    recipe = initial_recipe("av", start)
    assert {name: recipe[name] for name in PICTURE if name != "modality"} == {
        name: value for name, value in PICTURE.items() if name != "modality"
    }
    assert initial_recipe("image", start) == start.header.recipe
    assert initial_recipe("audio", start) == {"modality": "audio"}
    assert initial_recipe("av", None) == {"modality": "av", "values": "cosines"}


def test_a_still_comes_out_of_a_video_as_the_picture(start):
    pictures, videos = (build_adapter(initial_recipe(m, start)) for m in ("image", "av"))
    pixels = torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8)
    frames = pixels.unsqueeze(1).expand(-1, videos.recipe.frames, -1, -1, -1).contiguous()
    picture = pictures.byte_array({"image": pixels})["image"]
    video = videos.byte_array({"video": frames})["video"]
    reading = frame_channels(pictures.recipe, videos.recipe, video.shape[2])
    for step in (video @ reading.T).unflatten(1, (videos.grid[0], -1)).unbind(1):
        torch.testing.assert_close(step, picture)


def test_the_cross_attends_do_what_they_did(start):
    _, model = new_video_model(start)
    before = Perceiver(start.header.model)
    before.load_state_dict(start.tensors)
    recipes = [build_adapter(initial_recipe(m, start)).recipe for m in ("image", "av")]
    reading = frame_channels(*recipes, model.config.channels)
    elements, latents = torch.randn(2, 30, model.config.channels), torch.randn(2, 4, 16)
    for old, new in zip(before.cross, model.cross, strict=True):
        expected, _ = old(latents, elements @ reading.T)
        found, _ = new(latents, elements)
        torch.testing.assert_close(found, expected)


def test_what_was_not_there_before_learns(start):
    adapter, model = new_video_model(start)
    streams = {name: torch.randn(2, 8, width) for name, width in adapter.streams.items()}
    model(streams).square().sum().backward()
    for name in ("query.weight", "out.weight"):
        assert model.cross[0].get_parameter(name).grad.abs().sum() > 0
    few = start.tensors["cross.0.key.weight"].shape[0]
    if few < model.cross[0].key.weight.shape[0]:
        assert model.cross[0].out.weight.grad[:, few:].abs().sum() > 0
        assert model.cross[0].query.weight.grad[few:].abs().sum() > 0


def test_other_patches_start_fresh(start):
    _, model = new_video_model(start, bands=2)
    own = model.state_dict()
    assert own["cross.0.key.weight"].shape != start.tensors["cross.0.key.weight"].shape
    assert torch.equal(own["latents"], start.tensors["latents"])


def test_levels_come_out_of_their_cosines():
    levels, cosines = (
        build_adapter({"modality": "audio", "values": v}) for v in ("levels", "cosines")
    )
    wave = {"audio": torch.randn(2, levels.recipe.samples)}
    reading = level_channels(levels.recipe, cosines.recipe)
    found = cosines.byte_array(wave)["audio"] @ reading.T
    torch.testing.assert_close(found, levels.byte_array(wave)["audio"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("now", [{"values": "levels"}, {"values": "cosines", "mels": 32}])
def test_other_changes_of_a_sounds_recipe_start_afresh(now):
    before = build_adapter({"modality": "audio"}).recipe
    assert level_channels(before, build_adapter({"modality": "audio", **now}).recipe) is None


def test_a_sound_model_goes_on_with_cosines_from_levels():
    levels, cosines = (
        build_adapter({"modality": "audio", "values": v}) for v in ("levels", "cosines")
    )
    config = PerceiverConfig(levels.streams, 2, latents=4, width=16, layers=1)
    torch.manual_seed(0)
    before = Perceiver(config)
    labels = [Label("a", "a"), Label("b", "b")]
    header = Header("small", config, asdict(levels.recipe), labels)
    model = Perceiver(replace(config, streams=cosines.streams))
    load_matching_weights(model, cosines, ["a", "b"], Checkpoint(header, before.state_dict()))
    after = model.cross[0]
    assert not after.value.weight[:82, 16:32].any()
    assert after.value.weight[:82, :16].any()
    assert not after.query.weight[82:].any()
    assert torch.equal(model.latents, before.latents)


@pytest.mark.parametrize(("classes", "kept"), [(["a", "b"], True), (["b", "a"], False)])
def test_the_head_is_that_of_its_own_classes_alone(start, classes, kept):
    adapter = build_adapter(start.header.recipe)
    model = Perceiver(start.header.model)
    load_matching_weights(model, adapter, classes, start)
    loaded = model.state_dict()
    assert torch.equal(loaded["readout.head.weight"], start.tensors["readout.head.weight"]) == kept
    assert torch.equal(loaded["latents"], start.tensors["latents"])


def test_weights_of_which_none_fits_are_refused(start):
    model = Perceiver(replace(start.header.model, width=32))
    with pytest.raises(UsageError, match="no weights of small fit the model"):
        load_matching_weights(model, build_adapter(start.header.recipe), ["a", "b"], start)
