"""A teacher's features as a second thing to learn beside its answers (Romero et al. 2015).

Answers over a few classes say little of a sound or picture; features say what else is in it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.perceiver import Perceiver


class FeatureGuide(nn.Module):
    """How far the teacher's features are from a linear map of what a model's head reads.

    The map is learned beside the model, is no part of it and is forgotten after the training.
    """

    def __init__(self, model: Perceiver, features: int) -> None:
        super().__init__()
        head = model.readout.head
        self.map = nn.Linear(head.in_features, features)
        self._read: Tensor | None = None
        head.register_forward_pre_hook(self._keep)

    def _keep(self, head: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._read = inputs[0]

    def forward(self, features: Tensor) -> Tensor:
        """The mean square distance, after the model has read the same batch.

        features: [B, F], each of about zero mean and unit variance.
        """
        assert self._read is not None
        return functional.mse_loss(self.map(self._read.float()), features)
