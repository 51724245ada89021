import pytest
import torch

from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.muon import Muon, orthogonalise
from perceiver_cli.training.optimiser import WARMUP, build_optimisers, moving_average, rate_factor


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (1, 8, 24)])
def test_orthogonalise_brings_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_orthogonalise_treats_every_matrix_of_a_stack_alone():
    torch.manual_seed(0)
    stack = torch.randn(3, 8, 24)
    alone = torch.cat([orthogonalise(m[None]) for m in stack])
    torch.testing.assert_close(orthogonalise(stack), alone)


def test_muon_lowers_a_quadratic_and_ignores_the_gradients_scale():
    torch.manual_seed(0)
    start, target = torch.randn(8, 8), torch.randn(8, 8)
    ends = []
    for scale in (1.0, 1000.0):
        weight = torch.nn.Parameter(start.clone())
        optimiser = Muon([weight], lr=0.2, weight_decay=0.0)
        for _ in range(100):
            optimiser.zero_grad()
            (scale * (weight - target).square().sum()).backward()
            optimiser.step()
        ends.append((weight - target).norm().item())
    assert ends[0] < 0.5 * (start - target).norm().item()
    assert ends[0] == pytest.approx(ends[1], rel=0.05)


def test_every_parameter_has_exactly_one_optimiser():
    model = Perceiver(PerceiverConfig({"image": 10}, classes=3, latents=4, width=8, layers=1))
    owned = [
        id(p)
        for o in build_optimisers(model, 1e-3, 0.1, torch.float32)
        for g in o.param_groups
        for p in g["params"]
    ]
    assert sorted(owned) == sorted(id(p) for p in model.parameters())


def test_only_weights_of_linear_layers_are_orthogonalised():
    config = PerceiverConfig(
        {"image": 10},
        classes=3,
        latents=4,
        width=8,
        layers=1,
        learned_elements=2,
        learned_inputs=6,
        learned_outputs=5,
        position_rows=7,
        position_channels=3,
        readout="query",
    )
    model = Perceiver(config)
    muon, _ = build_optimisers(model, 1e-3, 0.1, torch.float32)
    owned = {id(p) for p in muon.param_groups[0]["params"]}
    others = [n for n, p in model.named_parameters() if p.dim() == 2 and id(p) not in owned]
    assert others == [
        "learned_elements",
        "latents",
        "preprocessor.positions",
        "readout.query",
        "readout.head.weight",
    ]


def test_rate_rises_then_falls_to_zero():
    assert rate_factor(0) == 0
    assert rate_factor(WARMUP) == 1
    assert rate_factor(1) == pytest.approx(0)
    falling = [rate_factor(WARMUP + i * (1 - WARMUP) / 20) for i in range(21)]
    assert falling == sorted(falling, reverse=True)
    assert rate_factor((1 + WARMUP) / 2) == pytest.approx(0.5)


def test_the_decay_of_the_average_grows_to_its_limit():
    model = torch.nn.Linear(1, 1)
    average = moving_average(model, 0.5)
    expected = None
    for step in range(1, 20):
        weight = float(torch.randn(()))
        with torch.no_grad():
            model.weight.fill_(weight)
        average.update_parameters(model)
        decay = 0.0 if step == 1 else min(0.5, (1 + step) / (10 + step))
        expected = weight if step == 1 else decay * expected + (1 - decay) * weight
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-5)
