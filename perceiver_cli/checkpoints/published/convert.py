"""Converts a published classifier to a checkpoint: the same numbers under other names.

Each difference between DeepMind's source and its port to transformers, with which the files on the
hub were made, is a value of the model's config or of the input recipe. It is chosen here by the
origin of the weights.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from perceiver_cli.adapters import build_adapter
from perceiver_cli.checkpoints.building import build_model
from perceiver_cli.checkpoints.format import Checkpoint, Header, Label
from perceiver_cli.checkpoints.published.catalogue import Kind, of_kind
from perceiver_cli.checkpoints.published.network import kind_of, network
from perceiver_cli.checkpoints.published.source import Foreign, read_foreign
from perceiver_cli.errors import CheckpointError, UsageError
from perceiver_cli.model.config import PerceiverConfig
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe
from perceiver_cli.version import package_version

_AUDIO_RATE = 48000
# Blocks of self-attends, by kind, in DeepMind's own models: their files do not say.
_BLOCKS: dict[Kind, int] = {"fourier": 8, "learned": 8, "conv": 8, "multimodal": 1}

_PORT_NOTE = (
    "through the transformers port, and computed as it computes: exact GELU, crop rounded down, "
    "Pillow's bicubic"
)
_SOURCE_NOTE = (
    "DeepMind's own file, and computed as its source computes: tanh GELU, crop rounded up, plain "
    "cubic resampling"
)
_PORT_NOTES: dict[Kind, tuple[str, ...]] = {
    "fourier": (),
    "learned": ("the port adds the read-out's query, the source does not",),
    "conv": ("the port transposes the convolution's kernels and pools to 55x55, not 56x56",),
    "multimodal": (),
}


def convert(path: Path, name: str, labels: list[Label] | None = None) -> Checkpoint:
    """The checkpoint of a published classifier, from its files.

    Args:
        path: A folder or file, see read_foreign.
        name: The name of the new checkpoint.
        labels: The labels of the classes; None: those that config.json has.

    Returns:
        The checkpoint, whose tensors stay float32.

    Raises:
        CheckpointError: A tensor is missing, left over or of the wrong shape.
        UsageError: The number of labels differs from that of the classes, or the path is not one of
            these files.
    """
    foreign = read_foreign(path)
    tensors = foreign.tensors
    kind = kind_of(tensors)
    settings = _settings(foreign, kind)
    values, weights = network(tensors, kind, settings)
    recipe = asdict(_recipe(kind, values, settings))
    try:
        streams = build_adapter(recipe).streams
        config = PerceiverConfig.from_dict({"streams": streams, **values})
    except ValueError as error:
        raise CheckpointError(f"{foreign.path}: inconsistent sizes: {error}") from None
    tensors.finish()
    found = labels or _labels(settings, config.classes)
    if len(found) != config.classes:
        raise UsageError(f"{len(found)} labels for {config.classes} classes")
    header = Header(name, config, recipe, found, card=_card(kind, settings))
    checkpoint = Checkpoint(header, weights, half=False)
    build_model(checkpoint, str(foreign.path))
    return checkpoint


def _settings(foreign: Foreign, kind: Kind) -> dict[str, Any]:
    """The port's settings with its defaults, or what DeepMind's models have without saying so."""
    own = {
        "num_self_attention_heads": 8,
        "num_frames": 16,
        "audio_samples_per_frame": 1920,
        "samples_per_patch": 16,
        "image_size": 56,
    }
    if foreign.settings is None:
        return own | {
            "port": False,
            "num_blocks": _BLOCKS[kind],
            "num_cross_attention_heads": 1,
            "hidden_act": "gelu_new",
        }
    port = {"port": True, "num_blocks": 1, "num_cross_attention_heads": 8, "hidden_act": "gelu"}
    settings: dict[str, Any] = own | port | foreign.settings
    path = foreign.path.parent / "config.json"
    for key in (*own, "num_blocks", "num_cross_attention_heads"):
        if not isinstance(settings[key], int) or settings[key] < 1:
            raise CheckpointError(f"{path}: {key} is {settings[key]!r}")
    if settings["hidden_act"] not in ("gelu", "gelu_new", "gelu_pytorch_tanh"):
        raise CheckpointError(f"{path}: unknown activation {settings['hidden_act']!r}")
    return settings


def _recipe(
    kind: Kind, config: dict[str, Any], settings: dict[str, Any]
) -> ImageRecipe | VideoRecipe:
    if kind == "multimodal":
        return _video_recipe(settings)
    port = settings["port"]
    common: dict[str, Any] = {
        "size": 224,
        "crop": 224 / 256,
        "patch": 1,
        "crop_first": True,
        "round_up": not port,
        "resample": "bicubic" if port else "cubic",
    }
    if kind == "fourier":
        return ImageRecipe(**common, bands=64, highest=112.0)
    if kind == "conv":
        windows: Literal["valid", "same"] = "valid" if port else "same"
        return ImageRecipe(**common, bands=64, highest=28.0, windows=windows)
    common["size"] = math.isqrt(config["position_rows"])
    return ImageRecipe(**common, positions=False)


def _video_recipe(settings: dict[str, Any]) -> VideoRecipe:
    frames, side = settings["num_frames"], settings["image_size"]
    samples = frames * settings["audio_samples_per_frame"]
    seconds = samples / _AUDIO_RATE
    return VideoRecipe(
        frames=frames,
        window_s=seconds,
        size=4 * side,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        patch_frames=1,
        patch=4,
        bands=32,
        highest=(frames / 2, side / 2, side / 2),
        resample="linear",
        audio=AudioRecipe(
            rate=_AUDIO_RATE,
            window_s=seconds,
            bands=192,
            highest=samples / 2,
            patch_samples=settings["samples_per_patch"],
        ),
    )


def _labels(settings: dict[str, Any], classes: int) -> list[Label]:
    """The labels of config.json; without it, numbers."""
    names = settings.get("id2label") or {}
    return [Label(str(i), str(names.get(str(i), f"class {i}"))) for i in range(classes)]


def _card(kind: Kind, settings: dict[str, Any]) -> dict[str, Any]:
    entry = of_kind(kind)
    notes = [entry.about]
    if entry.top1:
        notes.append(f"top-1 as published, with DeepMind's own preprocessing: {entry.top1}")
    notes += [_PORT_NOTE, *_PORT_NOTES[kind]] if settings["port"] else [_SOURCE_NOTE]
    return {
        "data": entry.data,
        "licence": entry.licence,
        "source": f"published as {entry.repository}",
        "version": package_version(),
        "notes": notes,
    }
