"""Muon (Jordan et al. 2024): the momentum of each matrix is orthogonalised before each step.

torch.optim.Muon iterates in bfloat16, one matrix at a time. On processors without bfloat16 units
that is several times slower than float32. Here matrices of one shape are stacked, and the
precision is that of the training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

# The quintic of the reference implementation, tuned for steep slope at zero.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(Optimizer):
    """Muon for weight matrices.

    Args:
        params: The matrices, each [out, in].
        lr: Learning rate, on the scale of AdamW's (Liu et al. 2025).
        weight_decay: Weight decay, decoupled as in AdamW.
        momentum: Nesterov momentum.
        iteration_dtype: Precision of the orthogonalisation; weights and momenta keep theirs.
    """

    def __init__(
        self,
        params: list[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        iteration_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.iteration_dtype = iteration_dtype

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """One update of every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
            for shape, parameters in by_shape.items():
                updates = torch.stack([self._momentum(p, group["momentum"]) for p in parameters])
                size = 0.2 * max(shape) ** 0.5
                updates = orthogonalise(updates.to(self.iteration_dtype)).to(parameters[0])
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-group["lr"] * size)

    def _momentum(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov momentum of the gradient."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Each matrix with its singular values brought near 1.

    Newton-Schulz iterations (Jordan et al. 2024, "Muon"). The resulting values are between about
    0.7 and 1.2, which is sufficient for Muon.

    Args:
        matrices: float [K, a, b].
        iterations: Number of iterations.

    Returns:
        The shape of `matrices`.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    result: Tensor = x.mT if tall else x
    return result
