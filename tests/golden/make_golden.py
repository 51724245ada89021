"""Runs DeepMind's own Perceiver at small sizes, and stores its inputs and outputs.

    python make_golden.py FOLDER

FOLDER is the top of a checkout of github.com/google-deepmind/deepmind-research; its `perceiver`
is imported, nothing of it is copied. Needs jax, dm-haiku and einops: see README.md. The arrays
are written beside this script. Everything is computed in float64 from float32 weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_default_matmul_precision", "highest")

HERE = Path(__file__).parent
Arrays = dict[str, np.ndarray]


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    save("fourier", fourier_cases())
    save("blocks", block_cases())
    save("classifier", classifier_cases())
    save("multimodal", multimodal_case())


def save(name: str, arrays: Arrays) -> None:
    path = HERE / f"{name}.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size / 1000:.0f} kB")


def exact(values: np.ndarray) -> np.ndarray:
    """The nearest values that float32 holds, as float64: what is stored is what was used."""
    return values.astype(np.float32).astype(np.float64)


def draw(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal values."""
    return exact(rng.standard_normal(shape))


def draw_parameter(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights at a natural scale; norms and biases far enough from 1 and 0 to matter."""
    if name == "w":
        values = draw(rng, *shape) / np.sqrt(shape[0])
    elif name == "scale":
        values = 1 + 0.3 * draw(rng, *shape)
    else:
        values = 0.5 * draw(rng, *shape)
    return exact(values)


def run(function, seed: int, **inputs: np.ndarray) -> Arrays:
    """Runs a haiku function with drawn weights; returns its parameters, inputs and outputs.

    Keys: "in/NAME", "out/NAME", and "param/MODULE|NAME" with haiku's own names. The function
    returns a dict of arrays.
    """
    inputs = {name: exact(x) for name, x in inputs.items()}
    rng = np.random.default_rng(seed)
    transformed = hk.transform(lambda: function(**{k: jnp.asarray(v) for k, v in inputs.items()}))
    key = jax.random.PRNGKey(0)
    shapes = jax.eval_shape(transformed.init, key)
    parameters = {
        module: {name: draw_parameter(rng, name, own[name].shape) for name in sorted(own)}
        for module, own in sorted(shapes.items())
    }
    outputs = transformed.apply(parameters, key)

    arrays = {f"in/{name}": x.astype(np.float32) for name, x in inputs.items()}
    arrays |= {f"out/{name}": np.asarray(x, np.float64) for name, x in outputs.items()}
    for module, own in parameters.items():
        arrays |= {f"param/{module}|{name}": x.astype(np.float32) for name, x in own.items()}
    return arrays


def under(prefix: str, arrays: Arrays) -> Arrays:
    return {f"{prefix}/{name}": x for name, x in arrays.items()}


def fourier_cases() -> Arrays:
    from perceiver import position_encoding

    arrays: Arrays = {}
    grids = {
        "line": ((20,), 6, (20,)),
        "line-one-band": ((9,), 1, (50,)),
        "picture": ((5, 7), 4, (224, 224)),
        "video": ((3, 4, 5), 3, (16, 56, 56)),
    }
    for name, (sizes, bands, resolution) in grids.items():
        grid = np.asarray(position_encoding.build_linear_positions(sizes))
        points = jnp.asarray(grid, jnp.float64).reshape(-1, len(sizes))
        arrays |= fourier_case(name, points, bands, resolution) | {f"{name}/grid": grid}
    rng = np.random.default_rng(11)
    points = exact(rng.uniform(-1, 1, (12, 3)))
    return arrays | fourier_case("points", jnp.asarray(points), 8, (64, 64, 64))


def fourier_case(name: str, points, bands: int, resolution: tuple[int, ...]) -> Arrays:
    from perceiver import position_encoding

    features = position_encoding.generate_fourier_features(points, bands, resolution)
    return {
        f"{name}/points": np.asarray(points, np.float32),
        f"{name}/resolution": np.asarray(resolution),
        f"{name}/bands": np.asarray(bands),
        f"{name}/features": np.asarray(features, np.float64),
    }


def block_cases() -> Arrays:
    from perceiver import perceiver

    rng = np.random.default_rng(21)
    settings = {
        "cross-1-head": (13, {"num_heads": 1}),
        "cross-4-heads": (12, {"num_heads": 4}),
        "cross-3-heads-no-residual": (
            13,
            {
                "num_heads": 3,
                "qk_channels": 24,
                "use_query_residual": False,
                "widening_factor": 2,
            },
        ),
    }
    arrays: Arrays = {}
    for seed, (name, (channels, kwargs)) in enumerate(settings.items(), 22):

        def cross(latents, elements, kwargs=kwargs):
            module = perceiver.CrossAttention(**kwargs)
            return {"latents": module(latents, elements, is_training=False)}

        inputs = {"latents": draw(rng, 2, 5, 16), "elements": 2 * draw(rng, 2, 37, channels) + 1}
        arrays |= under(name, run(cross, seed, **inputs))

    def self_attend(latents):
        module = perceiver.SelfAttention(num_heads=4, widening_factor=3)
        return {"latents": module(latents, is_training=False)}

    return arrays | under("self", run(self_attend, 30, latents=draw(rng, 2, 6, 16)))


def classifier(preprocessor, inputs, *, decoder_residual: bool, classes: int = 7):
    """The image classifier's parts (train/experiment.py) at small sizes."""
    from perceiver import perceiver

    encoder = perceiver.PerceiverEncoder(
        num_self_attends_per_block=2,
        num_blocks=2,
        z_index_dim=8,
        num_z_channels=16,
        num_cross_attend_heads=1,
        num_self_attend_heads=4,
        cross_attend_widening_factor=1,
        self_attend_widening_factor=1,
        cross_attention_shape_for_attn="kv",
        use_query_residual=True,
    )
    decoder = perceiver.ClassificationDecoder(
        classes,
        num_z_channels=16,
        use_query_residual=decoder_residual,
        position_encoding_type="trainable",
        trainable_position_encoding_kwargs={"num_channels": 16, "init_scale": 0.02},
    )
    elements, sizes, _ = preprocessor(inputs, is_training=False)
    model = perceiver.Perceiver(encoder=encoder, decoder=decoder)
    outputs = {"elements": elements, "logits": model(elements, is_training=False)}
    return outputs, sizes


def classifier_cases() -> Arrays:
    from perceiver import io_processors

    pixels = draw(np.random.default_rng(41), 2, 6, 10, 3)
    arrays: Arrays = {}
    for seed, (name, residual) in enumerate({"residual": True, "no-residual": False}.items(), 42):

        def image_classifier(pixels, residual=residual):
            preprocessor = io_processors.ImagePreprocessor(
                prep_type="pixels",
                spatial_downsample=1,
                position_encoding_type="fourier",
                fourier_position_encoding_kwargs={"num_bands": 2, "max_resolution": (10, 10)},
            )
            return classifier(preprocessor, pixels, decoder_residual=residual)[0]

        arrays |= under(name, run(image_classifier, seed, pixels=pixels))
    return arrays


def multimodal_case() -> Arrays:
    from perceiver import io_processors

    def sound_and_picture(audio, image):
        fourier = {"num_bands": 2, "concat_pos": True}
        preprocessor = io_processors.MultimodalPreprocessor(
            modalities={
                "audio": io_processors.AudioPreprocessor(
                    samples_per_patch=4,
                    fourier_position_encoding_kwargs=fourier | {"max_resolution": (12,)},
                ),
                "image": io_processors.ImagePreprocessor(
                    prep_type="pixels",
                    spatial_downsample=1,
                    fourier_position_encoding_kwargs=fourier | {"max_resolution": (6, 6)},
                ),
            },
            min_padding_size=1,
        )
        inputs = {"audio": audio, "image": image}
        outputs, sizes = classifier(preprocessor, inputs, decoder_residual=True)
        return outputs | {"audio_elements": jnp.asarray(sizes["audio"])}

    rng = np.random.default_rng(51)
    inputs = {"audio": draw(rng, 2, 24, 1), "image": draw(rng, 2, 4, 6, 3)}
    return run(sound_and_picture, 52, **inputs)


if __name__ == "__main__":
    main()
