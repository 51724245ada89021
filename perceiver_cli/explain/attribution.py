"""Attribution of a prediction to the elements of the byte array: pure tensors.

Three methods, each giving one mass per element, summing to 1 over the M elements:

- attention: the cross-attends' weights, averaged over heads and latents
  (inference/attention_statistics.py measures them as the model runs).
- rollout: the product of the weights of all layers, each averaged with the residual connection
  (Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers").
- gradient: gradient x input of the predicted class (Shrikumar et al. 2016), its magnitude.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from perceiver_cli.model.attention import AttentionWeights, CrossAttend, SelfAttend
from perceiver_cli.model.perceiver import Perceiver, QueryReadout


class Trace:
    """Records every attention of one forward pass without gradients, in order.

        with Trace(model) as trace:
            model(streams)

    Other threads may run the model at the same time; their passes are not recorded.

    Attributes:
        model: The model whose attention is recorded.
        steps: A cross-attend's AttentionWeights, or a self-attend's weights [B, N, N] averaged over
            heads.
        readout: Weights [B, N] of the read-out over the latents; None: their mean is read.
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
                self._hooks.append(
                    module.register_forward_hook(_in_this_thread(self._take_readout))
                )
            elif isinstance(module, CrossAttend):
                self._hooks.append(module.register_forward_hook(_in_this_thread(self._take_cross)))
            elif isinstance(module, SelfAttend):
                self._hooks.append(module.register_forward_hook(_in_this_thread(self._take_self)))
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
        self.readout = _precise(weights.chunk(slice(0, weights.num_elements))).mean((1, 2))


def _in_this_thread(hook: Callable[..., None]) -> Callable[..., None]:
    """A hook that is called only for passes of the current thread."""
    thread = threading.get_ident()

    def call(*arguments: Any) -> None:
        if threading.get_ident() == thread:
            hook(*arguments)

    return call


def rollout(steps: list[AttentionWeights | Tensor], readout: Tensor | None) -> Tensor:
    """Attention rollout from the read-out to the elements (Abnar and Zuidema 2020).

    A latent after a step is half its previous value (the residual) and half what it attends to. The
    share that reaches the learned latent array is left out, because no element contributes to it.
    The product is computed backwards with one weight per latent, so no N x M matrix is needed.

    Args:
        steps: As Trace records them.
        readout: As Trace records it, [B, N]; None: the mean over latents.

    Returns:
        [B, M], each row summing to 1.
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
    """Weights in float32 or better, because products over many layers are small."""
    return weights.to(torch.promote_types(weights.dtype, torch.float32))


def gradient_times_input(model: Perceiver, streams: dict[str, Tensor], classes: Tensor) -> Tensor:
    """Gradient x input of each item's class, summed over each element's channels.

    The input is the normalised byte array: with the raw one the sum would be zero, because
    LayerNorm removes the scale of an element. The gradient is that of the class's logit minus the
    mean logit, because a shift of all logits changes no score.

    Args:
        model: In float32.
        streams: Stream -> byte array [B, M_s, C_s], with its positions.
        classes: Each item's class, int [B].

    Returns:
        float32 [B, M], signed.
    """
    read: list[Tensor] = []
    hook = model.cross[0].register_forward_pre_hook(
        _in_this_thread(lambda _, inputs: read.append(inputs[1]))
    )
    try:
        with torch.enable_grad():
            logits = model.read(model.gather(streams).detach().requires_grad_())
            chosen = logits.gather(1, classes[:, None]).squeeze(1) - logits.mean(1)
            (gradient,) = torch.autograd.grad(chosen.sum(), read[:1])
    finally:
        hook.remove()
    return (gradient * read[0]).sum(-1).detach()


def magnitude(signed: Tensor) -> Tensor:
    """Absolute values of [B, M], normalised to sum to 1; uniform if all are zero.

    Negative values count as well: in a saturated softmax, more evidence for the class has a
    negative gradient, so that without them the recognised object would get no mass.
    """
    sizes = signed.abs()
    total = sizes.sum(-1, keepdim=True)
    even = torch.full_like(sizes, 1 / sizes.shape[-1])
    return torch.where(total > 0, sizes / total.clamp_min(1e-30), even)
