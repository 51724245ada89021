"""The replacement and thus the precision of each layer of a Perceiver for inference."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn

from perceiver_cli.model.attention import CrossAttend, QueriesKeysValues
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.model.quantization import kernels
from perceiver_cli.model.quantization.int8 import Int8Linear
from perceiver_cli.model.quantization.layers import (
    HalfLinear,
    PackedLinear,
    PlainLinear,
    SplitHeads,
)
from perceiver_cli.model.quantization.precision import WIDE, float_dtype

# Names of layers in a Perceiver. All other linear layers stay in float32: quantizing those of the
# cross-attends changes more predictions than quantizing the whole latent transformer, and they
# cost little time.
_INT8 = re.compile(r"transformers\.\d+\.\d+\.(qkv|out|mlp\.expand|mlp\.contract)")
_BFLOAT16 = re.compile(r"preprocessor\.project")
# For these, half of the latent transformers' weights, 8 bits are enough for the mean: what all keys
# have in common cancels in the softmax.
_COARSE_MEAN = re.compile(r"transformers\.\d+\.\d+\.qkv")
# The cross-attends fold these weights into others, so they must stay plain matrices.
_MATRIX = re.compile(r"(cross\.\d+|readout\.attend)\.(key|value)")


def layers_for(
    precision: torch.dtype, device: torch.device, rows: int
) -> Callable[[str, nn.Linear], nn.Module]:
    """The replacement of every linear layer.

    Args:
        precision: float32, bfloat16 or int8, of the layers that may be quantized.
        device: Where the model runs.
        rows: Usual number of rows of the inputs: the number of latents.

    Returns:
        A function from a linear layer's name in the Perceiver and the layer to its replacement.
    """
    floats = float_dtype(precision, device)

    def replacement_for(name: str, linear: nn.Linear) -> nn.Module:
        if not _INT8.fullmatch(name):
            lower = _BFLOAT16.fullmatch(name) is not None
            linear = linear.to(device, floats if lower else torch.float32)
            if precision == torch.int8 and not lower:
                return HalfLinear(linear)
            return linear if _MATRIX.fullmatch(name) else _in_floats(linear, rows)
        if precision == torch.int8:
            exact_mean = not _COARSE_MEAN.fullmatch(name)
            layer: nn.Module = Int8Linear(linear.to(device), rows, exact_mean=exact_mean)
        else:
            layer = _in_floats(linear.to(device, floats), rows)
        if isinstance(linear, QueriesKeysValues):
            return SplitHeads(layer, linear.heads, floats)
        return layer

    return replacement_for


def _in_floats(linear: nn.Linear, rows: int) -> nn.Module:
    kind = linear.weight.dtype
    if linear.weight.device.type == "cpu" and kind in kernels.available().packed:
        return PackedLinear(linear, rows)
    return PlainLinear(linear)


def byte_array_dtype(model: Perceiver, precision: torch.dtype, device: torch.device) -> torch.dtype:
    """The precision of the normalised byte array.

    That of the model if it is wide and its cross-attends fold, otherwise float32. Without folding
    the elements are multiplied with keys and values of exact layers. In narrow models float32 costs
    little (5 % of the time of the bundled sounds, 10 % of the shapes), while bfloat16 changes the
    scores of sounds six times as much.

    Args:
        model: The model, with or without replaced layers.
        precision: float32, bfloat16 or int8, of the model.
        device: Where the model runs.
    """
    first = model.cross[0]
    assert isinstance(first, CrossAttend)
    if first.folds(model.config.latents) and model.config.width >= WIDE:
        return float_dtype(precision, device)
    return torch.float32
