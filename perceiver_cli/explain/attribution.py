"""How much each element of the byte array counts for an answer: pure tensors.

Three ways, each giving one mass per element, summing to 1 over the M elements:

- attention: the cross-attends' weights, averaged over heads and latents (attention.py measures
  them as the model runs).
- rollout: the weights of all cross-attends and latent transformers composed, each half residual
  (Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers").
- gradient: gradient x input of the predicted class (Shrikumar et al. 2016), its magnitude.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from perceiver_cli.model.attention import AttentionWeights, CrossAttend, SelfAttend
from perceiver_cli.model.perceiver import Perceiver, QueryReadout


class Trace:
    """Keeps every attention of one forward pass without gradients, in order.

        with Trace(model) as trace:
            model(streams)

    steps: a cross-attend's AttentionWeights, or a self-attend's weights [B, N, N] averaged over
    heads; readout: weights [B, N] with which the answer is read from the latents.
    """

    def __init__(self, model: Perceiver) -> None:
        self.model = model
        self.steps: list[AttentionWeights | Tensor] = []
        self.readout: Tensor | None = None

    def __enter__(self) -> Trace:
        query = self.model.readout.attend if isinstance(self.model.readout, QueryReadout) else None
        self._hooks = []
        for module in self.model.modules():
            if module is query:
                self._hooks.append(module.register_forward_hook(self._take_readout))
            elif isinstance(module, CrossAttend):
                self._hooks.append(module.register_forward_hook(self._take_cross))
            elif isinstance(module, SelfAttend):
                self._hooks.append(module.register_forward_hook(self._take_self))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _take_cross(self, module: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        self.steps.append(output[1])

    def _take_self(self, module: SelfAttend, inputs: tuple[Any, ...], output: Tensor) -> None:
        self.steps.append(_precise(module.weigh(inputs[0])[0]).mean(1))

    def _take_readout(self, module: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        weights = output[1]
        self.readout = _precise(weights.chunk(slice(0, weights.elements))).mean((1, 2))


def rollout(steps: list[AttentionWeights | Tensor], readout: Tensor | None) -> Tensor:
    """Attention composed from the answer down to the elements: [B, M], each row summing to 1.

    steps, readout: as Trace keeps them; a read-out of None is the mean over latents. A latent
    after a step comes half from itself (the residual) and half from what it attends to; the share
    that ends in the learned latent array, which no element had a part in, is left out. It walks
    backwards with one weight per latent, so that nothing of size N x M is made.
    """
    first = next(step for step in steps if isinstance(step, AttentionWeights))
    batch, _, latents, _ = first.queries.shape
    even = _precise(first.queries).new_full((batch, latents), 1 / latents)
    weight = even if readout is None else readout
    mass: list[Tensor] = []
    for step in reversed(steps):
        half = weight.unsqueeze(1) / 2
        if isinstance(step, AttentionWeights):
            chunks = [
                (half @ _precise(step.chunk(where)).mean(1)).squeeze(1) for where in step.slices()
            ]
            mass.append(torch.cat(chunks, -1))
            weight = weight / 2
        else:
            weight = weight / 2 + (half @ step).squeeze(1)
    total = torch.stack(mass).sum(0)
    return total / total.sum(-1, keepdim=True)


def _precise(weights: Tensor) -> Tensor:
    """Weights in float32, or what is more exact: products of many layers are small."""
    return weights.to(torch.promote_types(weights.dtype, torch.float32))


def gradient_times_input(model: Perceiver, streams: dict[str, Tensor], classes: Tensor) -> Tensor:
    """Gradient x input of each item's class, summed over each element's channels: [B, M], signed.

    streams: byte arrays [B, M_s, C_s]; classes: int [B]. The input is the byte array as the
    cross-attends read it, normalised: with the raw one the sum would be zero, for a LayerNorm
    undoes any scaling of an element. The gradient is that of the class's logit over the mean
    logit, for a shift of all logits changes no score.
    """
    read: list[Tensor] = []
    hook = model.cross[0].register_forward_pre_hook(lambda _, inputs: read.append(inputs[1]))
    try:
        with torch.enable_grad():
            logits = model.read(model.gather(streams).detach().requires_grad_())
            chosen = logits.gather(1, classes[:, None]).squeeze(1) - logits.mean(1)
            (gradient,) = torch.autograd.grad(chosen.sum(), read[:1])
    finally:
        hook.remove()
    return (gradient * read[0]).sum(-1).detach()


def magnitude(signed: Tensor) -> Tensor:
    """The sizes of [B, M] as shares that sum to 1; even where all are zero.

    Not the positive part alone: where the evidence saturates a softmax, more of it counts against
    the class to first order, and the very thing that was recognised would come out as nothing.
    """
    sizes = signed.abs()
    total = sizes.sum(-1, keepdim=True)
    even = torch.full_like(sizes, 1 / sizes.shape[-1])
    return torch.where(total > 0, sizes / total.clamp_min(1e-30), even)
