"""Rollout and gradient x input against their definitions, written out plainly."""

import threading

import pytest
import torch

from perceiver_cli import Classifier
from perceiver_cli.explain import methods
from perceiver_cli.explain.attribution import Trace, gradient_times_input, magnitude, rollout
from perceiver_cli.media.source import Source
from perceiver_cli.model import keys_values
from perceiver_cli.model.attention import AttentionWeights
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver

ELEMENTS, CHANNELS = 23, 6


def make_model(**changes) -> Perceiver:
    torch.manual_seed(0)
    values = {"latents": 5, "width": 8, "cross_attends": 2, "layers": 2, "self_heads": 2}
    config = PerceiverConfig({"image": CHANNELS}, 3, **(values | changes))
    return Perceiver(config).eval().double()


def byte_array(batch=2) -> torch.Tensor:
    torch.manual_seed(1)
    return 2 * torch.randn(batch, ELEMENTS, CHANNELS, dtype=torch.float64)


def composed_forwards(steps, readout) -> torch.Tensor:
    """Rollout as Abnar and Zuidema define it: every latent's shares, carried from layer to layer.

    Here the learned latent array is an element of its own, in the last column, that is dropped.
    """
    shares = None
    for step in steps:
        if isinstance(step, AttentionWeights):
            read = torch.cat([step.chunk(where) for where in step.slices()], -1).mean(1)
            if shares is None:
                shares = torch.zeros(*read.shape[:2], read.shape[2] + 1, dtype=read.dtype)
                shares[..., -1] = 1
            shares = shares / 2
            shares[..., :-1] += read / 2
        else:
            eye = torch.eye(step.shape[-1], dtype=step.dtype)
            shares = (eye + step) / 2 @ shares
    assert torch.allclose(shares.sum(-1), torch.ones(()).double())
    answer = shares.mean(1) if readout is None else torch.einsum("bn,bnm->bm", readout, shares)
    return answer[:, :-1] / answer[:, :-1].sum(-1, keepdim=True)


@pytest.mark.parametrize("chunk", [7, 16384])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"readout": "query"},
        {"repeats": 2, "share_cross": "all", "share_latent": "all"},
        {"cross_heads": 2, "cross_channels": 8},
    ],
)
def test_rollout_is_all_layers_composed(changes, chunk, monkeypatch):
    monkeypatch.setattr(keys_values, "CHUNK", chunk)
    model = make_model(**changes)
    with torch.no_grad(), Trace(model) as trace:
        model({"image": byte_array()})
    config = model.config
    assert len(trace.steps) == config.cross_attends * (1 + config.layers * config.repeats)
    assert (trace.readout is None) == (config.readout == "mean")
    found = rollout(trace.steps, trace.readout)
    torch.testing.assert_close(found.sum(-1), torch.ones(2).double())
    torch.testing.assert_close(found, composed_forwards(trace.steps, trace.readout))


def test_a_trace_changes_nothing_and_leaves_nothing_behind():
    model = make_model()
    with torch.no_grad():
        plain = model({"image": byte_array()})
        with Trace(model) as trace:
            traced = model({"image": byte_array()})
        kept = len(trace.steps)
        model({"image": byte_array()})
    assert torch.equal(plain, traced)
    assert len(trace.steps) == kept


@pytest.mark.parametrize(
    ("method", "unused"), [("attention", "Trace"), ("rollout", "AttentionRecorder")]
)
def test_only_what_a_method_needs_is_recorded(weights, media, monkeypatch, method, unused):
    classifier = Classifier(str(weights["image"]))
    item = classifier.prepare(Source(str(media["image"])))
    monkeypatch.setattr(methods, unused, None)
    mass, sizes = methods.attribute(classifier.engine_of(item), item.windows[0], method, 0)
    assert mass.shape[1] == sizes["image"]
    assert mass.sum(1) == pytest.approx(1)


def run_elsewhere_within_a_pass(model):
    """Before the first cross-attend of a pass, another thread makes a whole pass of its own."""
    passes = []

    def other_pass():
        with torch.no_grad():
            model({"image": -byte_array(3)})

    def start(module, inputs):
        if not passes:
            passes.append(threading.Thread(target=other_pass))
            passes[0].start()
            passes[0].join()

    model.cross[0].register_forward_pre_hook(start)
    return passes


@pytest.mark.parametrize("readout", ["mean", "query"])
def test_passes_of_other_threads_are_not_traced(readout):
    model = make_model(readout=readout)
    with torch.no_grad(), Trace(model) as trace:
        model({"image": byte_array()})
    expected = rollout(trace.steps, trace.readout)
    passes = run_elsewhere_within_a_pass(model)
    with torch.no_grad(), Trace(model) as trace:
        model({"image": byte_array()})
    assert len(passes) == 1
    assert torch.equal(rollout(trace.steps, trace.readout), expected)


def test_gradients_are_not_of_passes_of_other_threads():
    model, classes = make_model(), torch.tensor([0, 1])
    expected = gradient_times_input(model, {"image": byte_array()}, classes)
    passes = run_elsewhere_within_a_pass(model)
    assert torch.equal(gradient_times_input(model, {"image": byte_array()}, classes), expected)
    assert len(passes) == 1


def test_the_weights_of_a_self_attend_are_those_it_uses():
    block = make_model().transformers[0][0]
    latents = torch.randn(2, 5, 8, dtype=torch.float64)
    weights, values = block.weigh(latents)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 5).double())
    attended = block.out((weights @ values).transpose(1, 2).flatten(2)) + latents
    torch.testing.assert_close(block(latents), attended + block.mlp(block.mlp_norm(attended)))


def test_gradient_times_input_is_the_slope_of_scaling_an_element_as_it_is_read(monkeypatch):
    from perceiver_cli.model import byte_array as reading

    model = make_model()
    x = byte_array()
    classes = torch.tensor([2, 0])
    found = gradient_times_input(model, {"image": x}, classes)
    assert found.shape == (2, ELEMENTS)
    normalised = reading.normalise(x, 1e-5)
    monkeypatch.setattr(reading, "normalise", lambda read, eps: read)
    step = 1e-6
    for item, element in ((0, 3), (1, 20)):
        ends = []
        for factor in (1 + step, 1 - step):
            scaled = normalised.clone()
            scaled[item, element] *= factor
            with torch.no_grad():
                logits = model({"image": scaled})[item]
            ends.append(logits[classes[item]] - logits.mean())
        slope = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(found[item, element], slope, rtol=1e-4, atol=1e-8)


def test_gradients_work_on_weights_that_were_used_without_them():
    model = make_model(readout="query", cross_heads=2, cross_channels=8).requires_grad_(False)
    with torch.inference_mode():
        model({"image": byte_array()})
    found = gradient_times_input(model, {"image": byte_array()}, torch.tensor([1, 1]))
    assert found.abs().sum() > 0


def test_magnitude():
    signed = torch.tensor([[3.0, -5.0, 2.0], [0.0, 0.0, 0.0]])
    found = magnitude(signed)
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.5, 0.2], [1 / 3, 1 / 3, 1 / 3]]))
