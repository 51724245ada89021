"""Learned layers between the input's elements and the byte array.

Two of DeepMind's image classifiers have one: a 1x1 convolution with a learned table of positions,
and a 7x7 convolution with max pooling (deepmind-research/perceiver, io_processors.py).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perceiver_cli.model.config import PerceiverConfig


class LearnedPreprocessor(nn.Module):
    """[B, M, C_s] -> [B, M, C]: values through a linear layer, learned positions appended.

    The first `learned_inputs` channels are `learned_windows` windows of the input, concatenated.
    One window passes through the layer. With several the layer is the kernel of a convolution,
    applied to each window; ReLU and the maximum over the windows then make it max pooling.
    """

    def __init__(self, config: PerceiverConfig) -> None:
        super().__init__()
        self.inputs = config.learned_inputs
        self.windows = config.learned_windows
        self.project = (
            nn.Linear(config.learned_inputs // config.learned_windows, config.learned_outputs)
            if config.learned_inputs
            else None
        )
        self.positions = (
            nn.Parameter(
                nn.init.trunc_normal_(
                    torch.empty(config.position_rows, config.position_channels), std=0.02
                )
            )
            if config.position_rows
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, M, C_s]."""
        parts = [x[..., self.inputs :]]
        if self.project is not None:
            values = x[..., : self.inputs].unflatten(-1, (self.windows, -1))
            values = self.project(values)
            parts.insert(0, values.relu().amax(-2) if self.windows > 1 else values.squeeze(-2))
        if self.positions is not None:
            parts.append(self.positions.expand(len(x), -1, -1))
        return torch.cat(parts, -1)
