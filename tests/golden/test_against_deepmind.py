"""The network and its position features, compared with outputs of DeepMind's own source.

README.md says what the arrays hold. In float64 nothing but the order of sums differs, so the
bounds there are close to rounding; float32 is what users run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from perceiver_cli.adapters.fourier import Bands, GridFeatures, fourier_features
from perceiver_cli.adapters.patches import append_positions
from perceiver_cli.model.attention import CrossAttend, SelfAttend
from perceiver_cli.model.byte_array import normalise
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.model.perceiver import Perceiver

BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-5}
EPS = 1e-5

CROSS = {
    "layer_norm": "query_norm",
    "attention/linear": "query",
    "attention/linear_1": "key",
    "attention/linear_2": "value",
    "attention/linear_3": "out",
    "layer_norm_2": "mlp_norm",
    "mlp/linear": "mlp.expand",
    "mlp/linear_1": "mlp.contract",
}
SELF = {
    "layer_norm": "norm",
    "attention/linear_3": "out",
    "layer_norm_1": "mlp_norm",
    "mlp/linear": "mlp.expand",
    "mlp/linear_1": "mlp.contract",
}


def golden(name: str, case: str = "") -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / f"{name}.npz") as arrays:
        return {key.removeprefix(case): arrays[key] for key in arrays if key.startswith(case)}


def tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(array).to(dtype)


def weight_and_bias(arrays: dict[str, np.ndarray], module: str, ours: str) -> dict[str, Tensor]:
    """One of haiku's linear layers (w is [in, out]) or norms under our names."""
    if f"param/{module}|w" in arrays:
        weight, bias = arrays[f"param/{module}|w"].T, arrays[f"param/{module}|b"]
    else:
        weight, bias = arrays[f"param/{module}|scale"], arrays[f"param/{module}|offset"]
    return {f"{ours}.weight": torch.from_numpy(weight), f"{ours}.bias": torch.from_numpy(bias)}


def cross_weights(arrays: dict[str, np.ndarray], module: str) -> dict[str, Tensor]:
    weights = {
        "norm_scale": torch.from_numpy(arrays[f"param/{module}/layer_norm_1|scale"]),
        "norm_shift": torch.from_numpy(arrays[f"param/{module}/layer_norm_1|offset"]),
    }
    for theirs, ours in CROSS.items():
        weights |= weight_and_bias(arrays, f"{module}/{theirs}", ours)
    return weights


def self_weights(arrays: dict[str, np.ndarray], module: str) -> dict[str, Tensor]:
    parts = [
        weight_and_bias(arrays, f"{module}/attention/{linear}", "qkv")
        for linear in ("linear", "linear_1", "linear_2")
    ]
    weights = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    for theirs, ours in SELF.items():
        weights |= weight_and_bias(arrays, f"{module}/{theirs}", ours)
    return weights


def model_weights(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    decoder, encoder = "classification_decoder/~/basic_decoder", "perceiver_encoder/~"
    position = "~/trainable_position_encoding|pos_embs"
    parts = {
        "cross.0": cross_weights(arrays, f"{encoder}/cross_attention"),
        "transformers.0.0": self_weights(arrays, f"{encoder}/self_attention"),
        "transformers.0.1": self_weights(arrays, f"{encoder}/self_attention_1"),
        "readout.attend": cross_weights(arrays, f"{decoder}/cross_attention"),
    }
    weights = {f"{part}.{name}": x for part, own in parts.items() for name, x in own.items()}
    weights |= weight_and_bias(arrays, f"{decoder}/output", "readout.head")
    weights["latents"] = torch.from_numpy(arrays[f"param/perceiver_encoder/{position}"])
    weights["readout.query"] = torch.from_numpy(arrays[f"param/{decoder}/{position}"])
    return weights


def loaded(module: nn.Module, weights: dict[str, Tensor], dtype: torch.dtype) -> nn.Module:
    module.load_state_dict(weights)
    return module.to(dtype).eval()


def farthest(ours: Tensor, theirs: np.ndarray) -> float:
    return float((ours.detach().double() - torch.from_numpy(theirs)).abs().max())


@pytest.mark.parametrize("case", ["line", "line-one-band", "picture", "video", "points"])
def test_fourier_features_equal_the_source(case):
    arrays = golden("fourier", f"{case}/")
    highest = tuple(float(res) / 2 for res in arrays["resolution"])
    bands = Bands(int(arrays["bands"]), highest)
    found = fourier_features(torch.from_numpy(arrays["points"]), bands)
    # float32 knows an angle of pi * highest to about that many times its epsilon.
    bound = 2 * np.pi * max(highest) * np.finfo(np.float32).eps
    assert farthest(found, arrays["features"]) < bound
    assert bands.channels(len(highest)) == found.shape[-1]


@pytest.mark.parametrize("case", ["line", "line-one-band", "picture", "video"])
def test_grid_positions_equal_the_source(case):
    grid = golden("fourier", f"{case}/")["grid"]
    *sizes, d = grid.shape
    found = GridFeatures(Bands(1, 2.0), *sizes)[:][:, :d].unflatten(0, sizes)
    assert farthest(found, grid.astype(np.float64)) < 1.3e-7


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize(
    ("case", "heads", "qk_channels", "widening", "residual", "fold"),
    [
        ("cross-1-head", 1, 0, 1, True, True),
        ("cross-1-head", 1, 0, 1, True, False),
        ("cross-4-heads", 4, 0, 1, True, None),
        ("cross-3-heads-no-residual", 3, 24, 2, False, None),
    ],
)
def test_cross_attend_equals_the_source(
    case, heads, qk_channels, widening, residual, fold, gradients, dtype
):
    arrays = golden("blocks", f"{case}/")
    latents, elements = (tensor(arrays[f"in/{name}"], dtype) for name in ("latents", "elements"))
    module = CrossAttend(
        latents.shape[-1],
        channels=elements.shape[-1],
        heads=heads,
        qk_channels=qk_channels,
        widening=widening,
        gelu="tanh",
        eps=EPS,
        query_residual=residual,
    )
    loaded(module, cross_weights(arrays, "cross_attention"), dtype)
    with torch.set_grad_enabled(gradients):
        found, _ = module(latents, normalise(elements, EPS), fold=fold)
    assert farthest(found, arrays["out/latents"]) < BOUNDS[dtype]


@pytest.mark.parametrize("dtype", BOUNDS)
def test_self_attend_equals_the_source(dtype):
    arrays = golden("blocks", "self/")
    module = SelfAttend(16, heads=4, widening=3, gelu="tanh", eps=EPS)
    loaded(module, self_weights(arrays, "self_attention"), dtype)
    found = module(tensor(arrays["in/latents"], dtype))
    assert farthest(found, arrays["out/latents"]) < BOUNDS[dtype]


def small_classifier(streams: dict[str, int], *, residual: bool) -> Perceiver:
    return Perceiver(
        PerceiverConfig(
            streams=streams,
            classes=7,
            latents=8,
            width=16,
            cross_attends=1,
            layers=2,
            repeats=2,
            self_heads=4,
            self_widening=1,
            readout="query",
            readout_residual=residual,
            gelu="tanh",
            norm_eps=EPS,
        )
    )


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize(("case", "residual"), [("residual", True), ("no-residual", False)])
def test_image_classifier_equals_the_source(case, residual, dtype):
    arrays = golden("classifier", f"{case}/")
    model = loaded(small_classifier({"image": 13}, residual=residual), model_weights(arrays), dtype)
    with torch.no_grad():
        logits = model({"image": tensor(arrays["out/elements"], dtype)})
    assert farthest(logits, arrays["out/logits"]) < BOUNDS[dtype]
    # The two read-outs differ by far more than the bound.
    model.readout.attend.query_residual = not residual
    with torch.no_grad():
        other = model({"image": tensor(arrays["out/elements"], dtype)})
    assert farthest(other, arrays["out/logits"]) > 0.01


def test_image_byte_array_equals_the_source():
    arrays = golden("classifier", "residual/")
    pixels = torch.from_numpy(arrays["in/pixels"])
    elements = append_positions(pixels.flatten(1, -2), GridFeatures(Bands(2, 5.0), 6, 10))
    assert farthest(elements, arrays["out/elements"]) < 5e-6


@pytest.mark.parametrize("dtype", BOUNDS)
def test_sound_with_picture_equals_the_source(dtype):
    arrays = golden("multimodal")
    sound, picture = (torch.from_numpy(arrays[f"in/{name}"]) for name in ("audio", "image"))
    streams = {
        "audio": append_positions(sound.reshape(2, 6, 4), GridFeatures(Bands(2, 6.0), 6)),
        "image": append_positions(picture.flatten(1, -2), GridFeatures(Bands(2, 3.0), 4, 6)),
    }
    weights = model_weights(arrays)
    for name in streams:
        embedding = arrays[f"param/multimodal_preprocessor/{name}_padding|pos_embs"]
        weights[f"padding.embeddings.{name}"] = torch.from_numpy(embedding[0])
    widths = {name: x.shape[-1] for name, x in streams.items()}
    model = loaded(small_classifier(widths, residual=True), weights, dtype)
    streams = {name: x.to(dtype) for name, x in streams.items()}
    with torch.no_grad():
        assert farthest(model.padding(streams), arrays["out/elements"]) < 5e-6
        assert farthest(model(streams), arrays["out/logits"]) < 1e-5


def test_the_exact_gelu_is_a_different_network():
    arrays = golden("blocks", "self/")
    module = SelfAttend(16, heads=4, widening=3, gelu="erf", eps=EPS)
    loaded(module, self_weights(arrays, "self_attention"), torch.float64)
    found = module(tensor(arrays["in/latents"], torch.float64))
    assert 1e-5 < farthest(found, arrays["out/latents"]) < 1e-2
