"""Builds the model of a checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING

from perceiver_cli.checkpoints.format import Checkpoint, StoredTensors
from perceiver_cli.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from perceiver_cli.model.perceiver import Perceiver

    # Maps a linear layer's name and the layer to its replacement.
    LayerFor = Callable[[str, nn.Linear], nn.Module]


def build_model(
    checkpoint: Checkpoint, source: str, layer_for: LayerFor | None = None
) -> Perceiver:
    """Builds the Perceiver of a checkpoint, which must use every tensor.

    Args:
        checkpoint: Its tensors are taken one by one.
        source: The name of the checkpoint in messages.
        layer_for: Maps each linear layer's name and the layer to its replacement; called as soon as
            the layer is read.

    Returns:
        The model, in evaluation mode and without gradients.

    Raises:
        CheckpointError: Tensors are missing, left over or of the wrong shape.
    """
    import torch

    from perceiver_cli.model.perceiver import Perceiver

    with torch.device("meta"):
        model = Perceiver(checkpoint.header.model)
    tensors = checkpoint.tensors
    held = tensors.held_open() if isinstance(tensors, StoredTensors) else nullcontext()
    with held:
        _fill(model, tensors, source, layer_for)
    return model.requires_grad_(False).eval()


def _fill(
    model: Perceiver,
    tensors: Mapping[str, Tensor],
    source: str,
    layer_for: LayerFor | None,
) -> None:
    """Loads all tensors into a model, and replaces its layers."""
    from torch import nn

    left = set(tensors)
    # By name, because a list of the modules would keep replaced ones in memory.
    for prefix in [name for name, _ in model.named_modules()]:
        module = model.get_submodule(prefix)
        own = {}
        for name, expected in module.named_parameters(recurse=False):
            stored = f"{prefix}.{name}".lstrip(".")
            own[name] = _fitting(tensors, stored, expected.shape, source)
            left.remove(stored)
        module.load_state_dict(own, strict=False, assign=True)
        if layer_for and isinstance(module, nn.Linear):
            parent, _, child = prefix.rpartition(".")
            setattr(model.get_submodule(parent), child, layer_for(prefix, module))
    if left:
        raise CheckpointError(f"{source}: unexpected tensor {min(left)}")


def _fitting(
    tensors: Mapping[str, Tensor], name: str, shape: tuple[int, ...], source: str
) -> Tensor:
    try:
        tensor = tensors[name]
    except KeyError:
        raise CheckpointError(f"{source}: tensor {name} is missing") from None
    if tensor.shape != shape:
        raise CheckpointError(
            f"{source}: tensor {name} has shape {list(tensor.shape)}, expected {list(shape)}"
        )
    return tensor
