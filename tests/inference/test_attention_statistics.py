"""Attention statistics, compared with plain implementations of their definitions."""

import math

import numpy as np
import pytest
import torch

from perceiver_cli.adapters import build_adapter
from perceiver_cli.inference import attention_statistics as statistics
from perceiver_cli.inference.attention_statistics import (
    AttentionRecorder,
    CrossAttendFigures,
    summarise,
)
from perceiver_cli.model import keys_values
from perceiver_cli.model.attention import AttentionWeights, attend
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.keys_values import ChunkedKeyValues
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.base import Window


def weights_of(distributions: torch.Tensor, *, same: bool = True) -> AttentionWeights:
    """Weights that are exactly these distributions: [B, H, N, M], rows summing to 1.

    same: whether keys are values, so that the entropy follows from the mean value.
    """
    elements = distributions.shape[-1]
    keys = torch.eye(elements, dtype=distributions.dtype).expand(*distributions.shape[:2], -1, -1)
    with torch.no_grad():
        read = ChunkedKeyValues.of(keys, keys if same else 2 * keys)
        return attend(distributions.log(), read, watched=True)[1]


def measure(*weights: AttentionWeights) -> CrossAttendFigures:
    """The figures of the last of these cross-attends."""
    watch = AttentionRecorder()
    for number, one in enumerate(weights):
        watch(number, one)
    return watch.measured[-1]


def random_distributions(seed, shape=(2, 3, 4, 50)):
    torch.manual_seed(seed)
    return (3 * torch.randn(shape, dtype=torch.float64)).softmax(-1)


@pytest.fixture(params=[7, 16384])
def chunk(request, monkeypatch):
    monkeypatch.setattr(keys_values, "CHUNK", request.param)


def test_uniform_attention(chunk):
    found = measure(weights_of(torch.full((1, 1, 2, 64), 1 / 64)))
    assert found.entropy_bits.item() == pytest.approx(6)
    assert found.effective.item() == pytest.approx(64, rel=1e-4)
    assert found.peak.item() == pytest.approx(1 / 64)
    assert found.drift_bits is None


@pytest.mark.parametrize("same", [True, False])
def test_figures_are_what_their_definitions_say(chunk, same):
    p, q = random_distributions(0), random_distributions(1)
    found = measure(weights_of(q, same=same), weights_of(p, same=same))
    entropy = -(p * p.log2()).sum(-1)
    torch.testing.assert_close(found.entropy_bits, entropy.mean((1, 2)))
    torch.testing.assert_close(found.effective, entropy.exp2().mean((1, 2)))
    torch.testing.assert_close(found.peak, p.amax(-1).mean((1, 2)))
    torch.testing.assert_close(found.mass, p.mean((1, 2)).float())
    middle = (p + q) / 2
    divergence = (p * (p / middle).log2() + q * (q / middle).log2()).sum(-1) / 2
    torch.testing.assert_close(found.drift_bits, divergence.mean((1, 2)))


def test_drift_is_zero_for_equal_and_one_bit_for_disjoint_attention():
    p = random_distributions(0)
    assert measure(weights_of(p), weights_of(p)).drift_bits.abs().max() < 1e-12
    left = torch.tensor([1.0, 1e-30, 1e-30, 1e-30]).expand(1, 1, 1, 4).double()
    assert measure(weights_of(left), weights_of(left.flip(-1))).drift_bits.item() == pytest.approx(
        1
    )


@pytest.fixture
def watched():
    """A two-stream model's statistics, with the masses they were made from."""
    adapter = build_adapter({"modality": "av", "size": 16, "frames": 4, "window_s": 0.4})
    torch.manual_seed(0)
    model = Perceiver(PerceiverConfig(adapter.streams, 3, latents=4, width=16, layers=1)).eval()
    arrays = {
        "video": torch.randint(0, 256, (2, 4, 16, 16, 3), dtype=torch.uint8),
        "audio": torch.randn(2, 32000),
    }
    streams = adapter.byte_array(arrays)
    watch = AttentionRecorder()
    with torch.inference_mode():
        model(streams, watch=watch)
    return adapter, watch, {name: x.shape[1] for name, x in streams.items()}


@pytest.mark.parametrize("row", [0, 1])
def test_a_models_statistics(watched, row):
    adapter, watch, sizes = watched
    elements = sum(sizes.values())
    assert len(watch.measured) == 2
    assert watch.measured[0].drift_bits is None
    assert watch.measured[1].drift_bits is not None
    place = {
        "left": 0,
        "top": 0,
        "width": 16,
        "height": 16,
        "times_s": np.array([0, 0.1, 0.2, 0.3]),
        "start_s": 0.0,
        "length_s": 2.0,
    }
    windows = [Window({}, place | {"left": 100 * number}) for number in range(2)]
    stats = summarise(watch.measured, adapter, windows, sizes)[row]
    for number, found in enumerate(stats.cross_attends):
        measured = watch.measured[number]
        mass = measured.mass[row].numpy()
        assert mass.shape == (elements,)
        assert mass.sum() == pytest.approx(1, abs=1e-4)
        heaviest = np.sort(mass)[-math.ceil(elements / 100) :].sum()
        assert found.mass_top_1pct == pytest.approx(heaviest, abs=1e-4)
        assert found.share["video"] == pytest.approx(mass[: sizes["video"]].sum(), abs=1e-4)
        assert sum(found.share.values()) == pytest.approx(1, abs=1e-3)
        assert 1 <= found.effective_elements <= elements
        together = 2 ** -(mass * np.log2(mass)).sum()
        assert found.effective_together == pytest.approx(together, abs=0.1)
        assert [f.mass for f in found.focus] == sorted((f.mass for f in found.focus), reverse=True)
        assert found.entropy_bits == pytest.approx(measured.entropy_bits[row].item(), abs=1e-3)
        assert found.peak == pytest.approx(measured.peak[row].item(), abs=1e-5)
        boxes = [f.where["x0"] for f in found.focus if "x0" in f.where]
        assert all(row * 100 <= left < row * 100 + 16 for left in boxes)
    assert stats.cross_attends[0].drift_bits is None
    assert stats.cross_attends[1].drift_bits >= 0


def test_no_array_of_latents_times_elements_is_kept(watched):
    _, watch, sizes = watched
    kept = [t for m in watch.measured for t in vars(m).values() if t is not None]
    assert max(t.numel() for t in kept) == 2 * sum(sizes.values())
    assert statistics.AttentionRecorder().measured == []


def test_the_four_heaviest_regions_of_all_streams_are_told(watched):
    adapter, watch, sizes = watched
    location = {
        **{"left": 0, "top": 0, "width": 16, "height": 16, "start_s": 0.0, "length_s": 2.0},
        "times_s": np.array([0, 0.1, 0.2, 0.3]),
    }
    windows = [Window({}, location)] * 2
    stats = summarise(watch.measured, adapter, windows, sizes)[0]
    for number, found in enumerate(stats.cross_attends):
        mass = watch.measured[number].mass[:1].numpy()
        regions = [
            *adapter.focus("video", mass[:, : sizes["video"]], windows[0])[0],
            *adapter.focus("audio", mass[:, sizes["video"] :], windows[0])[0],
        ]
        assert len(regions) > 4
        assert found.focus == sorted(regions, key=lambda f: f.mass, reverse=True)[:4]
