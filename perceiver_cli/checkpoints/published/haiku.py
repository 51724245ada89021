"""DeepMind's own parameter names and layouts, brought to those of the transformers port.

Haiku keeps a linear layer's weight as [in, out], a kernel as [height, width, in, out] and a batch
norm's values as [1, 1, 1, channels].
"""

from __future__ import annotations

import re

import numpy as np
import torch
from torch import Tensor

_ATTENTION = {
    "attention/linear": "attention.self.query",
    "attention/linear_1": "attention.self.key",
    "attention/linear_2": "attention.self.value",
    "attention/linear_3": "attention.output.dense",
    "mlp/linear": "mlp.dense1",
    "mlp/linear_1": "mlp.dense2",
}
_CROSS = _ATTENTION | {
    "layer_norm": "attention.self.layernorm1",
    "layer_norm_1": "attention.self.layernorm2",
    "layer_norm_2": "layernorm",
}
_SELF = _ATTENTION | {"layer_norm": "attention.self.layernorm1", "layer_norm_1": "layernorm"}

# A block's prefix in Haiku's names, in the port's, and the names within it.
_BLOCKS = (
    (r"(?:perceiver_)?encoder/~/cross_attention/(.+)", "encoder.cross_attention", _CROSS),
    (r"(?:perceiver_)?encoder/~/self_attention(?:_(\d+))?/(.+)", "encoder.self_attends", _SELF),
    (
        r"(?:classification|multimodal)_decoder/~/basic_decoder/cross_attention/(.+)",
        "decoder.decoder.decoding_cross_attention",
        _CROSS,
    ),
)
_LEAVES = {"w": "weight", "b": "bias", "scale": "weight", "offset": "bias"}
_PREPROCESSOR = "image_preprocessor/~"
_POSITIONS = "image_preprocessor/~_build_network_inputs"
_CONVNET = "image_preprocessor/~/conv2_d_downsample/~"
_MODULES = {
    f"{_PREPROCESSOR}/conv2_d": "input_preprocessor.convnet_1x1",
    f"{_POSITIONS}/position_encoding_projector/linear": "input_preprocessor.positions_projection",
    f"{_CONVNET}/conv": "input_preprocessor.convnet.conv",
    f"{_CONVNET}/batchnorm": "input_preprocessor.convnet.batchnorm",
    "classification_decoder/~/basic_decoder/output": "decoder.decoder.final_layer",
    "multimodal_decoder/~/basic_decoder/output": "decoder.decoder.final_layer",
    "audio_postprocessor/linear": "output_postprocessor.modalities.audio.classifier",
    "projection_postprocessor/linear": "output_postprocessor.modalities.image.classifier",
    "classification_postprocessor/linear": "output_postprocessor.modalities.label.classifier",
}
_QUERY = "output_position_encodings.position_embeddings"
_ARRAYS = {
    "perceiver_encoder/~/trainable_position_encoding/pos_embs": "embeddings.latents",
    "encoder/~/trainable_position_encoding/pos_embs": "embeddings.latents",
    f"{_POSITIONS}/trainable_position_encoding/pos_embs": (
        "input_preprocessor.position_embeddings.position_embeddings"
    ),
    f"{_CONVNET}/batchnorm/~/mean_ema/average": "input_preprocessor.convnet.batchnorm.running_mean",
    f"{_CONVNET}/batchnorm/~/var_ema/average": "input_preprocessor.convnet.batchnorm.running_var",
} | {
    f"multimodal_{prefix}/{modality}_{theirs}/pos_embs": f"{ours}.{modality}"
    for modality in ("audio", "image", "label")
    for prefix, theirs, ours in (
        ("preprocessor", "padding", "input_preprocessor.padding"),
        ("preprocessor", "mask_token", "input_preprocessor.mask"),
        ("decoder/~decoder_query", "padding", "decoder.padding"),
    )
}
# State of a moving average that only training needs.
_TRAINING_ONLY = re.compile(r".*_ema/(counter|hidden)")


def to_port(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """DeepMind's arrays under the names and in the layout of the transformers port.

    Args:
        arrays: "module/parameter" -> array, as haiku has them; "params/" and "state/" may precede.

    Returns:
        The port's name -> tensor. Names that no published classifier has stay as they are.
    """
    # {"params": ..., "state": ...}, or the parameters alone.
    flat = {re.sub(r"^(params|state)/", "", name): array for name, array in arrays.items()}
    multimodal = any(name.startswith("multimodal_decoder/") for name in flat)
    decoder = "decoder.modalities.label.decoder" if multimodal else "decoder.decoder"
    query = "classification_decoder/~/basic_decoder/~/trainable_position_encoding/pos_embs"
    names = _ARRAYS | {query: f"{decoder}.{_QUERY}"}
    return {
        _renamed(name, names): _laid_out(name, array)
        for name, array in flat.items()
        if not _TRAINING_ONLY.fullmatch(name)
    }


def _renamed(name: str, arrays: dict[str, str]) -> str:
    if name in arrays:
        return f"perceiver.{arrays[name]}"
    module, _, leaf = name.rpartition("/")
    if leaf not in _LEAVES:
        return name
    if module in _MODULES:
        return f"perceiver.{_MODULES[module]}.{_LEAVES[leaf]}"
    for pattern, prefix, parts in _BLOCKS:
        found = re.fullmatch(pattern, module)
        if found and found.groups()[-1] in parts:
            number = f".{int(found.group(1) or 0)}" if found.re.groups == 2 else ""
            return f"perceiver.{prefix}{number}.{parts[found.groups()[-1]]}.{_LEAVES[leaf]}"
    return name


def _laid_out(name: str, array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    if name.endswith("/w"):
        return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.T
    return tensor.flatten() if "/batchnorm/" in name else tensor
