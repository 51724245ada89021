from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import MeanLatent, Perceiver

SMALL = PerceiverConfig(
    streams={"image": 9},
    classes=5,
    latents=6,
    width=8,
    cross_attends=3,
    layers=2,
    self_heads=2,
    self_widening=2,
)
TWO_STREAMS = replace(SMALL, streams={"video": 9, "audio": 7})
SHARINGS = ["none", "all", "but_first"]
READOUTS = ["mean", "query"]
DISTINCT = {"none": 3, "all": 1, "but_first": 2}


def elements(*shape: int, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("readout", READOUTS)
def test_a_batch_gives_what_its_items_give_alone(randomise, readout, gradients):
    model = randomise(Perceiver(replace(SMALL, readout=readout)))
    x = elements(4, 30, 9)
    with torch.set_grad_enabled(gradients):
        together = model({"image": x}).detach()
        alone = torch.cat([model({"image": item[None]}) for item in x]).detach()
    assert together.shape == (4, 5)
    close(together, alone)
    assert (together[0] - together[1]).abs().max() > 1e-3


@pytest.mark.parametrize("share_cross", SHARINGS)
@pytest.mark.parametrize("share_latent", SHARINGS)
def test_iterations_run_the_modules_they_share(share_cross, share_latent):
    model = Perceiver(replace(SMALL, share_cross=share_cross, share_latent=share_latent))
    ran = []
    for kind in ("cross", "transformers"):
        for index, module in enumerate(getattr(model, kind)):
            module.register_forward_hook(lambda *_, name=(kind, index): ran.append(name))
    model({"image": elements(1, 10, 9).float()})
    order = {"none": [0, 1, 2], "all": [0, 0, 0], "but_first": [0, 1, 1]}
    expected = []
    for cross, transformer in zip(order[share_cross], order[share_latent], strict=True):
        expected += [("cross", cross), ("transformers", transformer)]
    assert ran == expected


@pytest.mark.parametrize("share_cross", SHARINGS)
@pytest.mark.parametrize("share_latent", SHARINGS)
def test_the_number_of_parameters(share_cross, share_latent):
    model = Perceiver(replace(SMALL, share_cross=share_cross, share_latent=share_latent))
    c, d = 9, 8
    mlp = 2 * d * d + 2 * d
    cross = 4 * d + 2 * c + (d * c + c) + 2 * (c * c + c) + (c * d + d) + mlp
    wide_mlp = 2 * (2 * d * d) + 2 * d + d
    self_attend = 4 * d + 3 * (d * d + d) + (d * d + d) + wide_mlp
    latents, readout = 6 * d, 2 * d + 5 * d + 5
    expected = latents + DISTINCT[share_cross] * cross
    expected += DISTINCT[share_latent] * 2 * self_attend + readout
    assert count(model) == expected
    names = [name for name, _ in model.named_parameters()]
    assert set(names) == set(model.state_dict())


def test_sharing_is_the_same_as_equal_weights(randomise):
    shared = randomise(Perceiver(replace(SMALL, share_cross="all", share_latent="but_first")))
    apart = Perceiver(SMALL).double()
    weights = {}
    for name in apart.state_dict():
        source = re.sub(r"^cross\.\d", "cross.0", name)
        source = re.sub(r"^transformers\.2", "transformers.1", source)
        weights[name] = shared.state_dict()[source]
    apart.load_state_dict(weights)
    x = {"image": elements(2, 20, 9)}
    close(apart(x), shared(x))


def test_every_pass_runs_the_same_latent_transformer(randomise):
    once = randomise(Perceiver(replace(SMALL, cross_attends=1, layers=1)))
    thrice = Perceiver(replace(SMALL, cross_attends=1, layers=1, repeats=3)).double()
    thrice.load_state_dict(once.state_dict())
    by_hand = Perceiver(replace(SMALL, cross_attends=1, layers=3)).double()
    weights = dict(once.state_dict())
    for name in list(weights):
        if name.startswith("transformers.0.0."):
            for layer in (1, 2):
                weights[name.replace("0.0.", f"0.{layer}.", 1)] = weights[name]
    by_hand.load_state_dict(weights)
    x = {"image": elements(2, 20, 9)}
    close(thrice(x), by_hand(x))
    assert (thrice(x) - once(x)).abs().max() > 1e-3


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("readout", READOUTS)
def test_the_order_of_elements_does_not_matter(randomise, readout, heads):
    model = randomise(Perceiver(replace(SMALL, readout=readout, cross_heads=heads)))
    x = elements(2, 25, 9)
    shuffled = x[:, torch.randperm(25, generator=torch.Generator().manual_seed(0))]
    close(model({"image": shuffled}), model({"image": x}))
    changed = x.clone()
    changed[:, 7] += elements(9, seed=4)
    assert (model({"image": changed}) - model({"image": x})).abs().max() > 1e-6


@pytest.mark.parametrize("size", [1, 2, 17, 400])
def test_any_number_of_elements_is_read(randomise, size):
    model = randomise(Perceiver(SMALL))
    x = elements(2, size, 9)
    logits = model({"image": x})
    assert logits.shape == (2, 5)
    # An attention that sees each element twice sees the same picture.
    close(model({"image": x.repeat(1, 2, 1)}), logits)


def test_the_order_of_streams_does_not_matter(randomise):
    model = randomise(Perceiver(TWO_STREAMS))
    video, audio = elements(2, 12, 9), elements(2, 8, 7, seed=4)
    one_way = model({"video": video, "audio": audio})
    close(model({"audio": audio, "video": video}), one_way)

    other = Perceiver(replace(TWO_STREAMS, streams={"audio": 7, "video": 9})).double()
    other.load_state_dict(model.state_dict())
    close(other({"video": video, "audio": audio}), one_way)


def test_either_stream_may_be_absent(randomise):
    model = randomise(Perceiver(TWO_STREAMS))
    streams = {"video": elements(2, 12, 9), "audio": elements(2, 8, 7, seed=4)}
    both = model(streams)
    for name, x in streams.items():
        alone = model({name: x})
        assert alone.shape == both.shape
        assert (alone - both).abs().max() > 1e-3


def test_streams_are_padded_with_their_own_embedding(randomise):
    model = randomise(Perceiver(TWO_STREAMS))
    video, audio = elements(2, 3, 9), elements(2, 4, 7, seed=4)
    x = model.padding({"audio": audio, "video": video})
    assert x.shape == (2, 7, 10)
    assert torch.equal(x[:, :4, :7], audio)
    assert torch.equal(x[:, 4:, :9], video)
    marks = model.padding.embeddings
    assert marks["audio"].shape == (3,)
    assert torch.equal(x[:, :4, 7:], marks["audio"].expand(2, 4, 3))
    assert torch.equal(x[:, 4:, 9:], marks["video"].expand(2, 3, 1))


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("heads", [1, 2])
def test_gradients_reach_every_parameter(readout, heads, sharing):
    config = replace(
        TWO_STREAMS,
        readout=readout,
        cross_heads=heads,
        share_cross=sharing,
        share_latent=sharing,
    )
    torch.manual_seed(0)
    model = Perceiver(config)
    streams = {"video": elements(2, 12, 9).float(), "audio": elements(2, 8, 7).float()}
    model(streams).square().sum().backward()
    without = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    # Folded, a key's bias cancels in the softmax and is never read.
    folded = {f"cross.{k}.key.bias" for k in range(DISTINCT[sharing])}
    if readout == "query":
        folded.add("readout.attend.key.bias")
    assert without == folded


def test_the_watcher_sees_every_cross_attend_in_order(randomise):
    model = randomise(Perceiver(replace(SMALL, share_cross="all")))
    seen = []
    x = {"image": elements(2, 11, 9)}
    with torch.no_grad():
        watched = model(
            x, watch=lambda number, weights: seen.append((number, weights.num_elements))
        )
        assert torch.equal(watched, model(x))
    assert seen == [(0, 11), (1, 11), (2, 11)]


def test_the_watcher_is_left_out_while_gradients_are_recorded():
    seen = []
    Perceiver(SMALL)({"image": elements(1, 4, 9).float()}, watch=lambda *call: seen.append(call))
    assert seen == []


def test_the_first_weights():
    torch.manual_seed(0)
    model = Perceiver(replace(SMALL, width=64, latents=256, self_heads=4))
    assert model.latents.std().item() == pytest.approx(0.02, rel=0.05)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any(), name
    expand = model.transformers[0][0].mlp.expand.weight
    assert expand.std().item() == pytest.approx(64**-0.5, rel=0.05)


@pytest.mark.parametrize("readout", READOUTS)
def test_chosen_latents_are_a_smaller_latent_array(randomise, readout):
    whole = randomise(Perceiver(replace(SMALL, readout=readout)))
    chosen = torch.tensor([0, 2, 5])
    small = Perceiver(replace(SMALL, readout=readout, latents=3)).double()
    small.load_state_dict(whole.state_dict() | {"latents": whole.latents.detach()[chosen]})
    x = {"image": elements(2, 15, 9)}
    close(whole(x, chosen=chosen), small(x))
    assert (whole(x, chosen=chosen) - whole(x)).abs().max() > 1e-3


def test_the_mean_latent_is_that_after_the_first_or_the_last_iteration(randomise):
    model = randomise(Perceiver(SMALL))
    seen, x = [], {"image": elements(2, 15, 9)}
    with torch.no_grad():
        model(x, watch_latents=lambda iteration, latents: seen.append((iteration, latents.mean(1))))
        means = []
        for last in (False, True):
            means.append(MeanLatent(last=last))
            model(x, watch_latents=means[-1])
    assert [iteration for iteration, _ in seen] == [0, 1, 2]
    for found, (_, expected) in zip(means, (seen[0], seen[2]), strict=True):
        torch.testing.assert_close(found.mean, expected.float())
    assert (means[0].mean - means[1].mean).abs().max() > 1e-3
