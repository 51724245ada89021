"""Folded, plain and chunked attention compute the same function."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perceiver_cli.model import keys_values
from perceiver_cli.model.attention import AttentionWeights, CrossAttend, attend
from perceiver_cli.model.byte_array import normalise
from perceiver_cli.model.keys_values import ChunkedKeyValues

EPS = 1e-5
relaxed = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def cross_attend(width: int, channels: int, heads: int = 1, qk_channels: int = 0) -> CrossAttend:
    return CrossAttend(
        width,
        channels=channels,
        heads=heads,
        qk_channels=qk_channels,
        widening=2,
        gelu="erf",
        eps=EPS,
    )


def inputs(batch: int, latents: int, elements: int, width: int, channels: int, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(batch, latents, width, generator=generator, dtype=torch.float64)
    x = torch.randn(batch, elements, channels, generator=generator, dtype=torch.float64)
    return z, normalise(3 * x + 1, EPS)


def whole_softmax(weights: AttentionWeights) -> torch.Tensor:
    keys, _ = weights.key_values.compute(slice(0, weights.num_elements))
    return (weights.queries @ keys.mT).softmax(-1)


@relaxed
@given(
    batch=st.integers(1, 3),
    latents=st.integers(1, 6),
    elements=st.integers(1, 40),
    width=st.integers(1, 12),
    channels=st.integers(2, 9),
    heads=st.integers(1, 3),
    head_channels=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_folded_equals_plain(
    randomise, batch, latents, elements, width, channels, heads, head_channels, seed
):
    module = randomise(cross_attend(width, channels, heads, heads * head_channels), seed)
    z, x = inputs(batch, latents, elements, width, channels, seed)
    with torch.no_grad():
        folded, folded_weights = module(z, x, fold=True)
        plain, plain_weights = module(z, x, fold=False)
    torch.testing.assert_close(folded, plain, rtol=0, atol=1e-10)
    everything = slice(0, elements)
    torch.testing.assert_close(
        folded_weights.chunk(everything), plain_weights.chunk(everything), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("heads", [1, 5])
def test_folding_has_the_gradients_of_the_plain_way(randomise, heads):
    module = randomise(cross_attend(8, 5, heads))
    z, x = inputs(2, 4, 30, 8, 5)
    found = {}
    for fold in (True, False):
        module.zero_grad(set_to_none=True)
        module(z, x, fold=fold)[0].square().sum().backward()
        found[fold] = {name: p.grad for name, p in module.named_parameters()}
    # The key's bias shifts all scores of a latent alike, and the softmax does not see it.
    assert found[True].pop("key.bias") is None
    assert found[False].pop("key.bias").abs().max() < 1e-10
    for name, gradient in found[True].items():
        assert gradient.abs().max() > 1e-6, name
        torch.testing.assert_close(gradient, found[False][name], rtol=1e-9, atol=1e-9)


def test_folding_is_chosen_if_it_is_less_work(randomise):
    few, many = inputs(1, 3, 10, 8, 6), inputs(1, 30, 10, 8, 6)
    everything = slice(0, 10)
    with torch.no_grad():
        for heads, (z, x), folds in ((1, many, True), (3, few, True), (3, many, False)):
            _, weights = randomise(cross_attend(8, 6, heads=heads))(z, x)
            keys = weights.key_values.compute(everything)[0]
            assert (keys.data_ptr() == x.data_ptr()) is folds
            assert keys.shape == ((1, 1, 10, 6) if folds else (1, 3, 10, 2))


@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("chunk", [1, 7, 16, 29, 30, 1000])
def test_chunked_equals_whole(randomise, monkeypatch, heads, chunk):
    module = randomise(cross_attend(8, 6, heads))
    z, x = inputs(2, 5, 30, 8, 6)
    whole, none = module(z, x)
    assert none is None
    monkeypatch.setattr(keys_values, "CHUNK", chunk)
    with torch.no_grad():
        chunked, weights = module(z, x)
    torch.testing.assert_close(chunked, whole.detach(), rtol=0, atol=1e-11)

    slices = list(weights.slices())
    assert len(slices) == math.ceil(30 / chunk)
    parts = [weights.chunk(where) for where in slices]
    assert all(part.shape[:3] == (2, heads, 5) for part in parts)
    joined = torch.cat(parts, -1)
    torch.testing.assert_close(joined.sum(-1), torch.ones(2, heads, 5, dtype=torch.float64))
    torch.testing.assert_close(joined, whole_softmax(weights), rtol=0, atol=1e-12)


@relaxed
@given(chunk=st.integers(1, 12), size=st.integers(1, 30), seed=st.integers(0, 1000))
def test_running_sums_survive_scores_of_any_size(chunk, size, seed):
    generator = torch.Generator().manual_seed(seed)
    queries = 300 * torch.randn(1, 1, 3, 2, generator=generator)
    keys = torch.randn(1, 1, size, 2, generator=generator)
    values = torch.randn(1, 1, size, 4, generator=generator)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(keys_values, "CHUNK", chunk)
        found, weights = attend(queries, ChunkedKeyValues.of(keys, values))
    scores = queries.double() @ keys.double().mT
    torch.testing.assert_close(
        found.double(), scores.softmax(-1) @ values.double(), atol=2e-3, rtol=0
    )
    torch.testing.assert_close(
        weights.log_norm.double(), scores.logsumexp(-1, keepdim=True), atol=1e-3, rtol=1e-5
    )


def test_attending_leaves_its_arguments_alone(randomise):
    module = randomise(cross_attend(8, 6))
    z, x = inputs(2, 4, 20, 8, 6)
    before = z.clone(), x.clone()
    with torch.no_grad():
        module(z, x)
    assert torch.equal(z, before[0])
    assert torch.equal(x, before[1])


def test_without_residual_only_the_attended_values_and_their_mlp_remain(randomise):
    module = randomise(cross_attend(8, 6))
    z, x = inputs(1, 4, 1, 8, 6)
    module.query_residual = False
    with torch.no_grad():
        found, _ = module(z, x)
        # One element gets all the weight, so every latent reads the same whatever it asks.
        value = module.value(x * module.norm_scale + module.norm_shift)
        update = module.out(value)
        expected = update + module.mlp(module.mlp_norm(update))
    torch.testing.assert_close(found, expected.expand(1, 4, 8), rtol=0, atol=1e-12)


def test_normalise_gives_zero_mean_and_unit_variance():
    x = 5 * torch.randn(2, 9, 64, dtype=torch.float64) + 3
    found = normalise(x, 1e-12)
    torch.testing.assert_close(found.mean(-1), torch.zeros(2, 9, dtype=torch.float64))
    torch.testing.assert_close(found.var(-1, correction=0), torch.ones(2, 9, dtype=torch.float64))
