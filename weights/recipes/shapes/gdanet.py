"""GDANet (Xu et al. 2021, arXiv 2012.10921), computed from its published weights.

The weights are pretrained/GDANet_ModelNet40_93.4.t7 of github.com/mutianxu/GDANet, which states no
licence. The implementation is our own. Batch norms are folded into the layers before them. A layer
of (neighbour - x, neighbour) with weights (W1, W2) is (W1 + W2) neighbour - W1 x, so both products
are computed once for each point.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from views import rows_of

NEIGHBOURS, SMOOTHED_OVER, CHOSEN = 30, 64, 256


class GDANet:
    """Clouds to logits of ModelNet40's classes, in the order of their names.

    Args:
        weights: The published file. Only its tensors are read.
        device: Where to compute.
    """

    def __init__(self, weights: Path, device: torch.device) -> None:
        state = torch.load(weights, map_location=device, weights_only=True)
        state = {name.removeprefix("module."): value for name, value in state.items()}
        names = [name for name, tensor in state.items() if tensor.dim() > 1]
        layers = [name.removesuffix(".weight") for name in names]
        self.layers = {name: _folded(state, name) for name in layers}
        self.classes = len(self.layers["linear3"][0])

    @torch.no_grad()
    def __call__(self, points: Tensor) -> Tensor:
        """Float [B, N, 3] in the unit ball, z up, at least 256 points -> [B, classes]."""
        first = points[..., [0, 2, 1]]  # trained with y up
        one = self._disentangled("1", self._edges("conv1.0", "conv11.0", first), "conv12.0")
        second = torch.cat([first, one], -1)
        two = self._disentangled("2", self._edges("conv2.0", "conv21.0", second), "conv22.0")
        third = torch.cat([second, two], -1)
        three = self._linear("conv32.0", self._edges("conv3.0", "conv31.0", third)).relu()
        every = self._linear("conv4.0", torch.cat([one, two, three], -1)).relu()
        whole = torch.cat([every.amax(1), every.mean(1)], -1)
        whole = self._linear("linear1", whole).relu()
        whole = self._linear("linear2", whole).relu()
        return self._linear("linear3", whole)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return functional.linear(x, *self.layers[name])

    def _edges(self, first: str, second: str, x: Tensor) -> Tensor:
        """Two layers of each point and a neighbour, the largest value over its neighbours."""
        nearest = _squared_distances(x).topk(NEIGHBOURS, largest=False)[1]
        weight, bias = self.layers[first]
        of_difference, of_neighbour = weight.chunk(2, 1)
        here = bias - x @ of_difference.T
        there = x @ (of_difference + of_neighbour).T
        edges = (rows_of(there, nearest) + here.unsqueeze(2)).relu()
        return self._linear(second, edges).amax(2).relu()

    def _disentangled(self, number: str, x: Tensor, after: str) -> Tensor:
        """Attention to the points that differ most and least from their neighbourhood."""
        distances = _squared_distances(x)
        nearest = distances.topk(SMOOTHED_OVER, largest=False)[1][..., 1:]
        weights = torch.where(distances.abs() < 0.04, (distances / -4).exp(), 0)
        weights = weights.gather(2, nearest) / weights.sum(1).unsqueeze(-1)
        smooth = torch.einsum("bnk,bnkc->bnc", weights, rows_of(x, nearest))
        change = (x - smooth).square().sum(-1)
        sharp = change.topk(CHOSEN)[1]
        gentle = change.topk(CHOSEN, largest=False)[1]
        attended = [
            self._attended(f"SGCAM_{number}s", x, rows_of(x, sharp)),
            self._attended(f"SGCAM_{number}g", x, rows_of(x, gentle)),
        ]
        return self._linear(after, torch.cat(attended, -1)).relu()

    def _attended(self, name: str, x: Tensor, chosen: Tensor) -> Tensor:
        """x plus what it reads from the chosen points; without a softmax."""
        scores = self._linear(f"{name}.theta", x) @ self._linear(f"{name}.phi", chosen).mT
        read = scores @ self._linear(f"{name}.g", chosen) / chosen.shape[1]
        return self._linear(f"{name}.W.0", read) + x


def _folded(state: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """A layer's weight [out, in] and bias [out], with the batch norm that follows it, if any."""
    weight, bias = state[f"{name}.weight"].flatten(1), state[f"{name}.bias"]
    norm = {"linear1": "bn6", "linear2": "bn7"}.get(name, f"{name.removesuffix('.0')}.1")
    if f"{norm}.running_var" not in state:
        return weight, bias
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-5).sqrt()
    bias = (bias - state[f"{norm}.running_mean"]) * scale + state[f"{norm}.bias"]
    return weight * scale.unsqueeze(1), bias


def _squared_distances(x: Tensor) -> Tensor:
    """[B, N, C] -> [B, N, N]."""
    square = x.square().sum(-1)
    return square.unsqueeze(1) + square.unsqueeze(2) - 2 * x @ x.mT
