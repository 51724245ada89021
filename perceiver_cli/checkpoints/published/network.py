"""The network of a published classifier: its sizes, read off the tensors, and the tensors as ours.

Names are those of the transformers port; haiku.py brings DeepMind's own to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from perceiver_cli.checkpoints.published.catalogue import Kind
from perceiver_cli.checkpoints.published.tensors import Tensors
from perceiver_cli.errors import CheckpointError

Weights = dict[str, Tensor]

_ENCODER = "perceiver.encoder"
_DECODER = "perceiver.decoder.decoder"
_PREPROCESSOR = "perceiver.input_preprocessor"
_HEADS = "perceiver.output_postprocessor.modalities"
_QUERY = "output_position_encodings.position_embeddings"

# The port's file says 1e-12 and the port does not read it.
_EPS = 1e-5
_BATCH_NORM_EPS = 1e-5


def kind_of(tensors: Tensors) -> Kind:
    """Which of the four published classifiers it is.

    Args:
        tensors: Under the port's names.

    Raises:
        CheckpointError: It is not one of them.
    """
    if f"{_PREPROCESSOR}.convnet_1x1.weight" in tensors:
        return "learned"
    if f"{_PREPROCESSOR}.convnet.conv.weight" in tensors:
        return "conv"
    if f"{_PREPROCESSOR}.padding.label" in tensors:
        return "multimodal"
    if f"{_DECODER}.{_QUERY}" in tensors and f"{_DECODER}.final_layer.weight" in tensors:
        return "fourier"
    raise CheckpointError(f"{tensors.path}: not one of the published Perceiver classifiers")


def network(
    tensors: Tensors, kind: Kind, settings: dict[str, Any]
) -> tuple[dict[str, Any], Weights]:
    """Translates the port's tensors.

    Args:
        tensors: Under the port's names; those that are used are taken out.
        kind: Which classifier.
        settings: The port's, with defaults.

    Returns:
        The model's config, without its streams, and all its weights.

    Raises:
        CheckpointError: A tensor is missing or of the wrong shape.
    """
    latents, width = tensors.shape("perceiver.embeddings.latents", 2)
    (channels,) = tensors.shape(f"{_ENCODER}.cross_attention.attention.self.layernorm2.weight", 1)
    weights = {"latents": tensors.take("perceiver.embeddings.latents", latents, width)}
    config: dict[str, Any] = {
        "latents": latents,
        "width": width,
        "cross_attends": 1,
        "repeats": settings["num_blocks"],
        "cross_heads": settings["num_cross_attention_heads"],
        "self_heads": settings["num_self_attention_heads"],
        "readout": "query",
        "gelu": "erf" if settings["hidden_act"] == "gelu" else "tanh",
        "norm_eps": _EPS,
    }
    weights |= _cross(tensors, f"{_ENCODER}.cross_attention", "cross.0", width, channels)
    layers = 0
    while f"{_ENCODER}.self_attends.{layers}.layernorm.weight" in tensors:
        prefix = f"{_ENCODER}.self_attends.{layers}"
        weights |= _self(tensors, prefix, f"transformers.0.{layers}", width)
        layers += 1
    config |= {
        "layers": layers,
        "cross_channels": weights["cross.0.query.weight"].shape[0],
        "cross_widening": weights["cross.0.mlp.expand.weight"].shape[0] // width,
        "self_widening": weights["transformers.0.0.mlp.expand.weight"].shape[0] // width
        if layers
        else 1,
    }
    read: dict[str, Callable[[], tuple[dict[str, Any], dict[str, Any]]]] = {
        "fourier": lambda: ({}, {}),
        "learned": lambda: _learned_preprocessor(tensors),
        "conv": lambda: _conv_preprocessor(tensors),
        "multimodal": lambda: _multimodal_preprocessor(tensors, channels),
    }
    head = _multimodal_readout if kind == "multimodal" else _readout
    for more_config, more_weights in (read[kind](), head(tensors, width)):
        config |= more_config
        weights |= more_weights
    config["readout_residual"] = kind in ("fourier", "conv") or (
        kind == "learned" and settings["port"]
    )
    return config, weights


def _cross(tensors: Tensors, prefix: str, ours: str, width: int, channels: int) -> Weights:
    """A cross-attend and its MLP."""
    attention = f"{prefix}.attention.self"
    qk, _ = tensors.shape(f"{attention}.query.weight", 2)
    weights = {
        f"{ours}.norm_scale": tensors.take(f"{attention}.layernorm2.weight", channels),
        f"{ours}.norm_shift": tensors.take(f"{attention}.layernorm2.bias", channels),
    }
    return (
        weights
        | _norm(tensors, f"{attention}.layernorm1", f"{ours}.query_norm", width)
        | _linear(tensors, f"{attention}.query", f"{ours}.query", width, qk)
        | _linear(tensors, f"{attention}.key", f"{ours}.key", channels, qk)
        | _linear(tensors, f"{attention}.value", f"{ours}.value", channels, qk)
        | _linear(tensors, f"{prefix}.attention.output.dense", f"{ours}.out", qk, width)
        | _mlp(tensors, prefix, ours, width)
    )


def _self(tensors: Tensors, prefix: str, ours: str, width: int) -> Weights:
    """A self-attend and its MLP."""
    attention = f"{prefix}.attention.self"
    parts = [
        _linear(tensors, f"{attention}.{part}", f"{ours}.qkv", width, width)
        for part in ("query", "key", "value")
    ]
    weights = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return (
        weights
        | _norm(tensors, f"{attention}.layernorm1", f"{ours}.norm", width)
        | _linear(tensors, f"{prefix}.attention.output.dense", f"{ours}.out", width, width)
        | _mlp(tensors, prefix, ours, width)
    )


def _mlp(tensors: Tensors, prefix: str, ours: str, width: int) -> Weights:
    hidden, _ = tensors.shape(f"{prefix}.mlp.dense1.weight", 2)
    return (
        _norm(tensors, f"{prefix}.layernorm", f"{ours}.mlp_norm", width)
        | _linear(tensors, f"{prefix}.mlp.dense1", f"{ours}.mlp.expand", width, hidden)
        | _linear(tensors, f"{prefix}.mlp.dense2", f"{ours}.mlp.contract", hidden, width)
    )


def _linear(tensors: Tensors, prefix: str, ours: str, inputs: int, outputs: int) -> Weights:
    return {
        f"{ours}.weight": tensors.take(f"{prefix}.weight", outputs, inputs),
        f"{ours}.bias": tensors.take(f"{prefix}.bias", outputs),
    }


def _norm(tensors: Tensors, prefix: str, ours: str, width: int) -> Weights:
    return {
        f"{ours}.{part}": tensors.take(f"{prefix}.{part}", width) for part in ("weight", "bias")
    }


def _learned_preprocessor(tensors: Tensors) -> tuple[dict[str, Any], Weights]:
    """A 1x1 convolution of the pixels, and a table of positions with a projection of its own.

    The projected table is a constant, so it is all that is kept.
    """
    name = f"{_PREPROCESSOR}.position_embeddings.position_embeddings"
    rows, size = tensors.shape(name, 2)
    out, _ = tensors.shape(f"{_PREPROCESSOR}.positions_projection.weight", 2)
    table = tensors.take(name, rows, size).double()
    projection = _linear(tensors, f"{_PREPROCESSOR}.positions_projection", "p", size, out)
    table = table @ projection["p.weight"].double().T + projection["p.bias"].double()
    values, _, _, _ = tensors.shape(f"{_PREPROCESSOR}.convnet_1x1.weight", 4)
    kernel = tensors.take(f"{_PREPROCESSOR}.convnet_1x1.weight", values, 3, 1, 1)
    config = {
        "learned_inputs": 3,
        "learned_outputs": values,
        "position_rows": rows,
        "position_channels": out,
    }
    return config, {
        "preprocessor.positions": table.float(),
        "preprocessor.project.weight": kernel.flatten(1),
        "preprocessor.project.bias": tensors.take(f"{_PREPROCESSOR}.convnet_1x1.bias", values),
    }


def _conv_preprocessor(tensors: Tensors) -> tuple[dict[str, Any], Weights]:
    """A 7x7 convolution with batch norm, which is a scale and a shift of each channel by now."""
    prefix = f"{_PREPROCESSOR}.convnet"
    out, _, _, _ = tensors.shape(f"{prefix}.conv.weight", 4)
    kernel = tensors.take(f"{prefix}.conv.weight", out, 3, 7, 7).double().flatten(1)
    scale, shift, mean, variance = (
        tensors.take(f"{prefix}.batchnorm.{part}", out).double()
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    if f"{prefix}.batchnorm.num_batches_tracked" in tensors:
        tensors.discard(f"{prefix}.batchnorm.num_batches_tracked")
    scale = scale / (variance + _BATCH_NORM_EPS).sqrt()
    config = {
        "learned_inputs": 9 * kernel.shape[1],
        "learned_outputs": out,
        "learned_windows": 9,
    }
    return config, {
        "preprocessor.project.weight": (kernel * scale[:, None]).float(),
        "preprocessor.project.bias": (shift - mean * scale).float(),
    }


def _multimodal_preprocessor(tensors: Tensors, channels: int) -> tuple[dict[str, Any], Weights]:
    """Padding of the streams; the label's one element is always masked: a learned constant."""
    weights = {"learned_elements": tensors.take(f"{_PREPROCESSOR}.mask.label", 1, channels)}
    for theirs, ours in (("audio", "audio"), ("image", "video")):
        _, padding = tensors.shape(f"{_PREPROCESSOR}.padding.{theirs}", 2)
        embedding = tensors.take(f"{_PREPROCESSOR}.padding.{theirs}", 1, padding)
        weights[f"padding.embeddings.{ours}"] = embedding.flatten()
        tensors.discard(f"{_PREPROCESSOR}.mask.{theirs}", 1, channels)
    tensors.discard(
        f"{_PREPROCESSOR}.padding.label",
        *tensors.shape(f"{_PREPROCESSOR}.padding.label", 2),
    )
    least = min(weights[f"padding.embeddings.{name}"].shape[0] for name in ("audio", "video"))
    return {"learned_elements": 1, "stream_padding": least}, weights


def _readout(tensors: Tensors, width: int) -> tuple[dict[str, Any], Weights]:
    """One learned query, and the classes."""
    _, query = tensors.shape(f"{_DECODER}.{_QUERY}", 2)
    classes, _ = tensors.shape(f"{_DECODER}.final_layer.weight", 2)
    weights = {"readout.query": tensors.take(f"{_DECODER}.{_QUERY}", 1, query)}
    weights |= _linear(tensors, f"{_DECODER}.final_layer", "readout.head", query, classes)
    prefix = f"{_DECODER}.decoding_cross_attention"
    weights |= _cross(tensors, prefix, "readout.attend", query, width)
    return {"classes": classes, "readout_width": query}, weights


def _multimodal_readout(tensors: Tensors, width: int) -> tuple[dict[str, Any], Weights]:
    """The label's query out of all, its padding behind it; two linear layers become one."""
    prefix = f"perceiver.decoder.modalities.label.decoder.{_QUERY}"
    _, own = tensors.shape(prefix, 2)
    _, padding = tensors.shape("perceiver.decoder.padding.label", 2)
    query = own + padding
    parts = [
        tensors.take(prefix, 1, own),
        tensors.take("perceiver.decoder.padding.label", 1, padding),
    ]
    weights = {"readout.query": torch.cat(parts, -1)}
    between, _ = tensors.shape(f"{_DECODER}.final_layer.weight", 2)
    classes, _ = tensors.shape(f"{_HEADS}.label.classifier.weight", 2)
    first = _linear(tensors, f"{_DECODER}.final_layer", "l", query, between)
    second = _linear(tensors, f"{_HEADS}.label.classifier", "l", between, classes)
    last = second["l.weight"].double()
    weights |= {
        "readout.head.weight": (last @ first["l.weight"].double()).float(),
        "readout.head.bias": (last @ first["l.bias"].double() + second["l.bias"]).float(),
    }
    attend = f"{_DECODER}.decoding_cross_attention"
    weights |= _cross(tensors, attend, "readout.attend", query, width)
    for modality in ("audio", "image"):
        name = f"perceiver.decoder.padding.{modality}"
        tensors.discard(name, *tensors.shape(name, 2))
        outputs, _ = tensors.shape(f"{_HEADS}.{modality}.classifier.weight", 2)
        _linear(tensors, f"{_HEADS}.{modality}.classifier", "unused", between, outputs)
    return {"classes": classes, "readout_width": query}, weights
