"""Warm start: initialises a new model with the weights of a trained one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from perceiver_cli.adapters import build_adapter
from perceiver_cli.adapters.base import Adapter
from perceiver_cli.adapters.cosine_transform import spectrogram_transform
from perceiver_cli.checkpoints.format import Checkpoint
from perceiver_cli.errors import UsageError
from perceiver_cli.modalities import find_modality
from perceiver_cli.model.perceiver import Perceiver
from perceiver_cli.preparation.audio import AudioRecipe
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.preparation.video import VideoRecipe

# Settings that a video's recipe takes from a picture's, so that frames are read like pictures.
_SHARED = (
    "size",
    "mean",
    "std",
    "chroma",
    "patch",
    "values",
    "bands",
    "highest",
    "spacing",
    "resample",
    "jpeg",
)


def initial_recipe(modality: str, initial: Checkpoint | None) -> dict[str, Any]:
    """The recipe to train with, before settings change it.

    A checkpoint of the same modality gives its own recipe. For video from pictures, frames are read
    like pictures.

    Args:
        modality: What the new model reads.
        initial: The checkpoint that it starts from; None for random weights.

    Returns:
        The recipe in its JSON form, see read_recipe.
    """
    recipe: dict[str, Any] = {"modality": modality, **find_modality(modality).fresh_recipe}
    if initial is None:
        return recipe
    given = initial.header.recipe
    if given["modality"] == modality:
        return dict(given)
    if (given["modality"], modality) == ("image", "av"):
        picture = build_adapter(given).recipe
        return recipe | {name: getattr(picture, name) for name in (*_SHARED, "crop")}
    return recipe


def load_matching_weights(
    model: Perceiver, adapter: Adapter, classes: list[str], initial: Checkpoint
) -> None:
    """Loads every tensor whose name and shape fit; the others keep their initial values.

    The head is loaded only for the same classes in the same order. Two changes of the byte array
    are linear and are projected into the weights: from pictures to video, where a picture is the
    mean of the frames, and from a spectrogram's levels to their cosines.

    Args:
        model: The new model, whose weights are changed.
        adapter: The adapter of its inputs.
        classes: Ids of its classes, in order.
        initial: The checkpoint that it starts from.

    Raises:
        UsageError: No weight of the latent transformers fits.
    """
    tensors: dict[str, Tensor] = dict(initial.tensors)
    if classes != [label.id for label in initial.header.labels]:
        tensors = {n: t for n, t in tensors.items() if not n.startswith("readout.head.")}
    if (initial.header.recipe["modality"], adapter.modality) == ("image", "av"):
        picture = build_adapter(initial.header.recipe).recipe
        projection = frame_channels(picture, adapter.recipe, model.config.channels)
        if projection is not None:
            tensors = tensors | widen_cross_attends(model, tensors, projection)
    elif initial.header.recipe["modality"] == adapter.modality == "audio":
        sound = build_adapter(initial.header.recipe).recipe
        projection = level_channels(sound, adapter.recipe)
        if projection is not None:
            tensors = tensors | widen_cross_attends(model, tensors, projection)
    new_tensors = model.state_dict()
    fitting = {
        n: t for n, t in tensors.items() if n in new_tensors and new_tensors[n].shape == t.shape
    }
    if not any(name.startswith("transformers.") for name in fitting):
        raise UsageError(
            f"no weights of {initial.header.name} fit the model: leave out --from, or the --set "
            "that changes its sizes"
        )
    model.load_state_dict(fitting, strict=False)


def frame_channels(picture: ImageRecipe, video: VideoRecipe, channels: int) -> Tensor | None:
    """The linear map from a video's element to a picture's.

    Values are averaged over an element's frames; the position in time is ignored.

    Args:
        picture: The recipe of the pictures.
        video: The recipe of the video.
        channels: C of the video's byte array, with padding.

    Returns:
        float32 [C of the picture, `channels`]; None if the two recipes cut their patches in
        different ways.
    """
    alike = all(getattr(picture, name) == getattr(video, name) for name in _SHARED)
    if not (alike and picture.positions and picture.windows == "none"):
        return None
    pixels, bands, frames = 3 * video.patch**2, video.bands, video.patch_frames
    if video.values == "pixels":
        values = torch.eye(pixels).repeat(1, frames) / frames
    else:  # The first coefficients over frames are the mean's, those of the magnitudes as well.
        one = torch.eye(pixels, pixels * frames)
        values = torch.block_diag(one, one)
    here, there = values.shape
    projection = torch.zeros(here + 2 + 4 * bands, channels)
    projection[:here, :there] = values
    # Behind the values: positions, sines and cosines, each of (y, x) here and (t, y, x) there.
    for width in (1, bands, bands):
        projection[here : here + 2 * width, there + width : there + 3 * width] = torch.eye(
            2 * width
        )
        here, there = here + 2 * width, there + 3 * width
    return projection


def level_channels(before: AudioRecipe, now: AudioRecipe) -> Tensor | None:
    """The linear map from an element of cosines to one of levels.

    Args:
        before: The recipe with levels.
        now: The recipe with cosines.

    Returns:
        float32 [C before, C now]; None if the two recipes differ in more than that.
    """
    if before.values != "levels" or replace(before, values="cosines") != now or now.patch_samples:
        return None
    cosines = spectrogram_transform(now.values, (now.patch_mels, now.patch_frames))
    assert cosines is not None
    levels, positions = len(cosines.matrix), 2 + 4 * now.bands
    projection = torch.zeros(levels + positions, 2 * levels + positions)
    projection[:levels, :levels] = torch.linalg.inv(cosines.matrix).T
    projection[levels:, 2 * levels :] = torch.eye(positions)
    return projection


def widen_cross_attends(
    model: Perceiver, tensors: dict[str, Tensor], projection: Tensor
) -> dict[str, Tensor]:
    """The weights of cross-attends for wider elements, with the same output as before.

    Args:
        model: The new model.
        tensors: The old model's weights.
        projection: Linear map from a new element to an old one, [C before, C now].

    Returns:
        Tensors of the new cross-attends. The old query-key channels come first in every head; the
        new ones have zero queries and outputs, so that they add nothing at the start.
    """
    new_tensors, heads = model.state_dict(), model.config.cross_heads
    taken: dict[str, Tensor] = {}
    for name in {n.split(".norm_scale")[0] for n in tensors if n.endswith(".norm_scale")}:
        scale, shift = tensors[f"{name}.norm_scale"], tensors[f"{name}.norm_shift"]
        value = tensors[f"{name}.value.weight"]
        few, many = (of[f"{name}.query.bias"].shape[0] // heads for of in (tensors, new_tensors))
        wider = {
            "query.weight": tensors[f"{name}.query.weight"] * (many / few) ** 0.5,
            "query.bias": tensors[f"{name}.query.bias"] * (many / few) ** 0.5,
            "key.weight": tensors[f"{name}.key.weight"] * scale @ projection,
            "value.weight": value * scale @ projection,
            "value.bias": tensors[f"{name}.value.bias"] + value @ shift,
        }
        for part, tensor in wider.items():
            zero = part.startswith("query") or part.endswith("bias")
            blank = new_tensors[f"{name}.{part}"].clone()
            blank = blank.zero_() if zero else blank
            blank.unflatten(0, (heads, -1))[:, :few] = tensor.unflatten(0, (heads, -1))
            taken[f"{name}.{part}"] = blank
        out = torch.zeros_like(new_tensors[f"{name}.out.weight"])
        old = tensors[f"{name}.out.weight"].unflatten(1, (heads, -1))
        out.unflatten(1, (heads, -1))[:, :, :few] = old
        taken[f"{name}.out.weight"] = out
    return taken
