"""Runs both implementations of the published classifiers at small sizes, and stores the outputs.

    python -m tests.golden.make_published FOLDER

FOLDER is the top of a checkout of github.com/google-deepmind/deepmind-research; its `perceiver` is
imported, nothing of it is copied. Needs transformers, opencv-python-headless, jax, dm-haiku and
einops: see README.md. Computed in float32 on a processor, as users run them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import torch
import transformers
from PIL import Image

from tests.golden.published import (
    CLASSES,
    FRAME_SAMPLES,
    FRAMES,
    KINDS,
    PATCH_SAMPLES,
    SIDE,
    Shapes,
    fill,
    inputs,
    pack,
    picture,
)

jax.config.update("jax_default_matmul_precision", "highest")

LATENTS, WIDTH, BLOCKS, LAYERS, HEADS = 6, 16, 2, 2, 8


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    arrays: dict[str, np.ndarray] = {}
    for kind in KINDS:
        blocks = 1 if kind == "multimodal" else BLOCKS
        arrays |= {f"port/{kind}/{k}": x for k, x in port(kind, blocks).items()}
        arrays |= {f"source/{kind}/{k}": x for k, x in source(kind, blocks).items()}
    arrays |= {"port/pixels": port_pixels(), "source/pixels": source_pixels()}
    path = Path(__file__).parent / "published.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size / 1000:.0f} kB")


def port(kind: str, blocks: int) -> dict[str, np.ndarray]:
    """The classifier of transformers."""
    channels = {"fourier": 261, "learned": 512, "conv": 322, "multimodal": 405}
    image_size = SIDE[kind] // 4 if kind == "multimodal" else SIDE[kind]
    config = transformers.PerceiverConfig(
        num_latents=LATENTS,
        d_latents=WIDTH,
        d_model=channels[kind],
        num_blocks=blocks,
        num_self_attends_per_block=LAYERS,
        num_self_attention_heads=HEADS,
        num_cross_attention_heads=1,
        num_labels=CLASSES,
        image_size=image_size,
        num_frames=FRAMES,
        audio_samples_per_frame=FRAME_SAMPLES,
        samples_per_patch=PATCH_SAMPLES,
        output_shape=[1, FRAMES, SIDE[kind], SIDE[kind]],
    )
    model = {
        "fourier": transformers.PerceiverForImageClassificationFourier,
        "learned": transformers.PerceiverForImageClassificationLearned,
        "conv": transformers.PerceiverForImageClassificationConvProcessing,
        "multimodal": transformers.PerceiverForMultimodalAutoencoding,
    }[kind](config).eval()
    shapes = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    weights = {name: torch.from_numpy(x) for name, x in fill(shapes).items()}
    model.load_state_dict(weights)
    given = {name: torch.from_numpy(x) for name, x in inputs(kind).items()}
    with torch.no_grad():
        if kind == "multimodal":
            streams = {
                "image": given["video"].permute(0, 2, 1, 3, 4),
                "audio": given["audio"].permute(0, 2, 1),
                "label": torch.zeros(1, CLASSES),
            }
            asked = {"image": torch.arange(2), "audio": torch.arange(2), "label": None}
            logits = model(inputs=streams, subsampled_output_points=asked).logits["label"]
        else:
            logits = model(inputs=given["image"]).logits
    return {"shapes": pack(shapes), "settings": np.asarray(config.to_json_string())} | {
        "logits": logits.numpy()
    }


def source(kind: str, blocks: int) -> dict[str, np.ndarray]:
    """DeepMind's own."""
    given = {name: np.moveaxis(x, 1, -1) for name, x in inputs(kind).items()}
    build = multimodal if kind == "multimodal" else image_classifier
    shapes, logits = run(lambda training: build(kind, blocks, given, training))
    return {"shapes": pack(shapes), "logits": logits}


def run(function: Callable[[bool], Any]) -> tuple[Shapes, np.ndarray]:
    """Draws the weights of a haiku function and runs it."""
    key = jax.random.PRNGKey(0)
    # A batch norm makes its state only while it trains.
    init = hk.transform_with_state(lambda: function(True)).init
    trees = dict(zip(("params", "state"), jax.eval_shape(init, key), strict=True))
    shapes = {
        f"{part}/{module}/{name}": own[name].shape
        for part, modules in trees.items()
        for module, own in modules.items()
        for name in own
    }
    drawn = fill(shapes)
    filled = {
        part: {
            module: {name: drawn[f"{part}/{module}/{name}"] for name in own}
            for module, own in modules.items()
        }
        for part, modules in trees.items()
    }
    apply = hk.transform_with_state(lambda: function(False)).apply
    logits, _ = apply(filled["params"], filled["state"], key)
    return shapes, np.asarray(logits)


def encoder(blocks: int, name: str = "perceiver_encoder"):
    from perceiver import perceiver

    return perceiver.PerceiverEncoder(
        num_self_attends_per_block=LAYERS,
        num_blocks=blocks,
        z_index_dim=LATENTS,
        num_z_channels=WIDTH,
        num_cross_attend_heads=1,
        num_self_attend_heads=HEADS,
        cross_attend_widening_factor=1,
        self_attend_widening_factor=1,
        cross_attention_shape_for_attn="kv",
        name=name,
    )


def fourier(bands: int, *resolution: int) -> dict[str, Any]:
    kwargs = {"num_bands": bands, "max_resolution": resolution, "concat_pos": True}
    return {"position_encoding_type": "fourier", "fourier_position_encoding_kwargs": kwargs}


def image_classifier(kind: str, blocks: int, given: dict[str, np.ndarray], training: bool):
    from perceiver import io_processors, perceiver

    trainable = {"num_channels": 256, "init_scale": 0.02}
    settings = {
        "fourier": {"prep_type": "pixels", "spatial_downsample": 1} | fourier(64, 224, 224),
        "learned": {
            "prep_type": "conv1x1",
            "spatial_downsample": 1,
            "num_channels": 256,
            "project_pos_dim": 256,
            "position_encoding_type": "trainable",
            "trainable_position_encoding_kwargs": trainable,
        },
        "conv": {"prep_type": "conv"} | fourier(64, 56, 56),
    }[kind]
    decoder = perceiver.ClassificationDecoder(
        CLASSES,
        num_z_channels=WIDTH,
        use_query_residual=kind != "learned",
        position_encoding_type="trainable",
        trainable_position_encoding_kwargs={"num_channels": WIDTH, "init_scale": 0.02},
    )
    model = perceiver.Perceiver(
        encoder=encoder(blocks),
        decoder=decoder,
        input_preprocessor=io_processors.ImagePreprocessor(**settings),
    )
    return model(jnp.asarray(given["image"]), is_training=training)


def multimodal(kind: str, blocks: int, given: dict[str, np.ndarray], training: bool):
    from perceiver import io_processors, perceiver

    side, samples = SIDE[kind] // 4, FRAMES * FRAME_SAMPLES
    sound, film = fourier(192, samples), fourier(32, FRAMES, side, side)
    preprocessor = io_processors.MultimodalPreprocessor(
        min_padding_size=4,
        modalities={
            "audio": io_processors.AudioPreprocessor(samples_per_patch=PATCH_SAMPLES, **sound),
            "image": io_processors.ImagePreprocessor(
                prep_type="patches", spatial_downsample=4, temporal_downsample=1, **film
            ),
            "label": io_processors.OneHotPreprocessor(),
        },
        mask_probs={"image": 0.0, "audio": 0.0, "label": 1.0},
    )
    asked = {"image": jnp.arange(2), "audio": jnp.arange(2), "label": None}
    counts = {"image": 2, "audio": 2, "label": 1}
    common = {"concat_preprocessed_input": False, "use_query_residual": False}
    outputs = {"num_z_channels": WIDTH, "output_num_channels": 12}
    trainable = {"num_channels": 24, "init_scale": 0.02}
    decoder = perceiver.MultimodalDecoder(
        **common,
        subsampled_index_dims=counts,
        num_outputs=None,
        output_num_channels=12,
        modalities={
            "audio": perceiver.BasicDecoder(
                output_index_dims=(samples // PATCH_SAMPLES,), **common, **outputs, **sound
            ),
            "image": perceiver.BasicVideoAutoencodingDecoder(
                output_shape=(1, FRAMES, SIDE[kind], SIDE[kind]), **common, **outputs, **film
            ),
            "label": perceiver.ClassificationDecoder(
                num_classes=CLASSES,
                num_z_channels=WIDTH,
                position_encoding_type="trainable",
                trainable_position_encoding_kwargs=trainable,
                **common,
            ),
        },
    )
    postprocessor = io_processors.MultimodalPostprocessor(
        modalities={
            "audio": io_processors.AudioPostprocessor(samples_per_patch=PATCH_SAMPLES),
            "image": io_processors.ProjectionPostprocessor(num_outputs=3),
            "label": io_processors.ClassificationPostprocessor(num_classes=CLASSES),
        }
    )
    model = perceiver.Perceiver(
        encoder=encoder(blocks, "encoder"),
        decoder=decoder,
        input_preprocessor=preprocessor,
        output_postprocessor=postprocessor,
    )
    streams = {
        "image": jnp.asarray(given["video"]),
        "audio": jnp.asarray(given["audio"]),
        "label": jnp.zeros((1, CLASSES)),
    }
    return model(streams, is_training=training, subsampled_output_points=asked)["label"]


def port_pixels() -> np.ndarray:
    """What the port's processor hands to the model before it scales: uint8 [28, 28, 3]."""
    processor = transformers.PerceiverImageProcessorPil(
        size={"height": 28, "width": 28}, crop_size={"height": 32, "width": 32}
    )
    found = processor(
        Image.fromarray(picture()), do_rescale=False, do_normalize=False, return_tensors="np"
    )
    return found["pixel_values"][0].transpose(1, 2, 0).astype(np.uint8)


def source_pixels() -> np.ndarray:
    """The crop of the source's notebook (margins rounded up), resized by the library it uses."""
    pixels = picture()
    side = int(28 / 32 * min(pixels.shape[:2]))
    top, left = ((length - side + 1) // 2 for length in pixels.shape[:2])
    cut = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return cv2.resize(cut, (28, 28), interpolation=cv2.INTER_CUBIC)


if __name__ == "__main__":
    main()
