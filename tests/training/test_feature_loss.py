import torch

from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.training.feature_loss import FeatureLoss


def test_a_model_learns_what_the_features_say():
    torch.manual_seed(0)
    model = Perceiver(PerceiverConfig({"audio": 6}, 2, latents=4, width=16, layers=1))
    feature_loss = FeatureLoss(model, 3)
    elements = {"audio": torch.randn(8, 5, 6)}
    features = torch.stack([elements["audio"].mean((1, 2)) * k for k in (5.0, -5.0, 0.0)], 1)
    optimiser = torch.optim.Adam([*model.parameters(), *feature_loss.parameters()], 3e-3)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        model(elements)
        loss = feature_loss(features)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]
    assert set(model.state_dict()) == set(Perceiver(model.config).state_dict())
