"""Distillation of a teacher's features (FitNets, Romero et al. 2015).

Features hold more about an input than logits over a few classes.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from perceiver_cli.model.perceiver import Perceiver


class FeatureLoss(nn.Module):
    """Mean squared distance of a linear map of the head's input from the teacher's features.

    The map is trained with the model and discarded afterwards.
    """

    def __init__(self, model: Perceiver, features: int) -> None:
        super().__init__()
        head = model.readout.head
        self.map = nn.Linear(head.in_features, features)
        self._inputs: Tensor | None = None
        head.register_forward_pre_hook(self._keep)

    def _keep(self, head: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._inputs = inputs[0]

    def forward(self, features: Tensor) -> Tensor:
        """The loss, after the model's forward pass over the same batch.

        Args:
            features: float [B, F], each feature of about zero mean and unit variance.
        """
        assert self._inputs is not None
        return functional.mse_loss(self.map(self._inputs.float()), features)
